"""`python -m realtime` itself: version, exit codes, help."""

from __future__ import annotations

import sys

import pytest

import realtime
from realtime.cli import COMMANDS, build_parser, main


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [(["--version"], 0, f"realtime {realtime.__version__}\n"), ([], 2, ""), (["x"], 2, "")],
)
def test_exit_codes(arguments: list[str], code: int, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, capsys.readouterr().out) == (code, out)


def test_help_of_cost_lists_the_models_with_a_price(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cost", "--help"])
    text = "".join(capsys.readouterr().out.split())
    assert all(model in text for model in realtime.spec.PRICES)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert all(f" {name} {summary}" in printed for name, summary in COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    printed = capsys.readouterr().out
    assert (ended.value.code, printed.splitlines()[0][: 7 + 19]) == (0, "usage: python -m realtime ")
    assert len(printed.splitlines()) > 3


def test_doctor_runs_without_the_dependencies_of_the_other_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "numpy",
        "websockets",
        "realtime.testing.faults",
        "realtime.cli.demo",
        "realtime.cli.inspect",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    assert build_parser().parse_args(["doctor"]).command == "doctor"


def test_a_missing_dependency_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "realtime.cli.inspect", raising=False)
    monkeypatch.setitem(sys.modules, "realtime.cli.logs", None)
    assert main(["inspect", "x.jsonl"]) == 1
    assert capsys.readouterr().err.startswith("realtime inspect: ")
