"""Run the command line: `python -m realtime`.

The commands are in `realtime.cli`.
"""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
