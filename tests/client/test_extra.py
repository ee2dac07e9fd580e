"""What of realtime.client needs websockets, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['websockets'] = None; import realtime; "


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_core_and_the_tools_need_no_network_library() -> None:
    code = "from realtime.client import ClientProtocol, ToolRunner; print(ClientProtocol().state.name)"
    assert run(code) == "DISCONNECTED"


@pytest.mark.parametrize("name", ["connect", "Session"])
def test_the_connection_names_the_extra_that_is_missing(name: str) -> None:
    code = f"try: realtime.client.{name}\nexcept ImportError as error: print(error)"
    assert run(code.replace("try:", "\ntry:")) == (
        "realtime.client.connect needs websockets: pip install 'realtime-codec[client]'"
    )


def test_a_missing_name_is_an_attribute_error() -> None:
    import realtime.client

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        realtime.client.nothing  # type: ignore[attr-defined]  # noqa: B018
