"""`python -m realtime` itself: what no command is asked for."""

from __future__ import annotations

import pytest

import realtime
from realtime.cli import main


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [(["--version"], 0, f"realtime {realtime.__version__}\n"), ([], 2, ""), (["x"], 2, "")],
)
def test_exit_codes(arguments: list[str], code: int, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, capsys.readouterr().out) == (code, out)


def test_the_help_of_costs_lists_what_has_a_price(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cost", "--help"])
    told = "".join(capsys.readouterr().out.split())
    assert all(model in told for model in realtime.spec.PRICES)
