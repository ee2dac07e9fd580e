"""Import time: the statement alone, and the whole process around it."""

from __future__ import annotations

import subprocess
import sys

STATEMENTS = ["pass", "import msgspec", "import realtime", "import realtime.beta", "import realtime.audio"]


class Process:
    """A new interpreter that runs one statement: what a command line pays. "pass" is the floor."""

    params = (STATEMENTS,)
    param_names = ("statement",)
    rounds = 1
    number = 1
    warmup_time = 0
    repeat = (10, 20, 1.0)

    def time_process(self, statement: str) -> None:
        subprocess.run([sys.executable, "-c", statement], check=True)


class Statement:
    """The statement in a fresh interpreter, without the interpreter's own start."""

    rounds = 1
    number = 1
    repeat = (10, 20, 1.0)

    def timeraw_import_msgspec(self) -> str:
        return "import msgspec"

    def timeraw_import_realtime(self) -> str:
        return "import realtime"
