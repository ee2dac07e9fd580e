"""The libraries that parts of realtime.client need."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['websockets'] = sys.modules['picows'] = None; import realtime; "


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_core_and_the_tools_need_no_network_library() -> None:
    code = (
        "from realtime.client import ClientProtocol, Session, ToolRunner; print(ClientProtocol().state.name)"
    )
    assert run(code) == "DISCONNECTED"


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize(("transport", "extra"), [("websockets", "client"), ("picows", "picows")])
def test_the_connection_names_the_extra_that_is_missing(transport: str, extra: str) -> None:
    call = f"realtime.client.connect(url='ws://h', transport={transport!r})"
    assert run(f"\ntry: {call}\nexcept ImportError as error: print(error)") == (
        f"realtime.client.connect needs {transport}: pip install 'realtime-codec[{extra}]'"
    )


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("transport", ["websockets", "picows"])
def test_only_the_transport_that_is_chosen_is_imported(transport: str) -> None:
    code = f"import realtime.client, sys; realtime.client.connect(url='ws://h', transport={transport!r})"
    code += "; print(*sorted({'websockets', 'picows'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == transport


def test_a_missing_name_is_an_attribute_error() -> None:
    import realtime.client

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        realtime.client.nothing  # type: ignore[attr-defined]  # noqa: B018
