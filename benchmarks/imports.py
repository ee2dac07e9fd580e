"""Import time: the statement alone, and the process that runs it. Modules are compiled beforehand."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile

STATEMENTS = ["pass", "import msgspec", "import realtime", "import realtime.beta", "import realtime.audio"]


# Bytecode is written to, and read from, a folder of this run: whatever the environment says, compilation is not measured.
_FOLDER = tempfile.TemporaryDirectory(prefix="realtime-benchmarks-")
atexit.register(_FOLDER.cleanup)
_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": _FOLDER.name,
}


class Process:
    """A new interpreter that runs one statement. "pass" is the interpreter's own start."""

    params = (STATEMENTS,)
    param_names = ("statement",)
    rounds = 1
    number = 1
    warmup_time = 0
    repeat = (10, 20, 1.0)

    def setup(self, statement: str) -> None:
        self.time_process(statement)  # writes the bytecode

    def time_process(self, statement: str) -> None:
        subprocess.run([sys.executable, "-c", statement], check=True, env=_ENVIRONMENT)


class Statement:
    """The statement in a new interpreter, without the interpreter's own start."""

    rounds = 1
    number = 1
    repeat = (10, 20, 1.0)

    def timeraw_import_msgspec(self) -> str:
        return "import msgspec"

    def timeraw_import_realtime(self) -> str:
        return "import realtime"
