"""Files: replacing one atomically.

Writers of complete files share `replacing`. Files that grow (logs, `WavWriter`) append to an open file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Generator
from typing import BinaryIO, Final

# O_EXCL refuses every existing name, links included. O_BINARY exists on Windows.
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def replacing(path: str) -> Generator[BinaryIO, None, None]:
    """Open a new file that replaces `path` when the body of the `with` statement has ended.

    It is created beside `path` under a random name, and renamed, so that no reader finds an incomplete file
    and no planted link is followed. If `path` is a link, the file it names is replaced. The new file gets
    the mode of the old one and, where the system permits it, its owner. If the body raises, the new file is
    deleted and `path` is unchanged. Pipes and devices cannot be replaced and are opened directly.

    Raises:
        OSError: a file cannot be created, written or renamed; its `filename` is `path`.
    """
    target = os.path.realpath(path)
    # Tested by this name, because the target of /dev/stdout may have none.
    old = os.stat(path) if os.path.exists(path) else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _errors_name(path, replaces=False), open(path, "wb") as device:
            yield device
        return
    new = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.tmp")
    with _errors_name(path):
        # The umask applies to a new file. The mode of an old one is set below.
        descriptor = os.open(new, _NEW_FILE, 0o666 if old is None else stat.S_IMODE(old.st_mode) & 0o600)
    try:
        with open(descriptor, "wb") as file:
            if old is not None and os.name == "posix":
                with contextlib.suppress(OSError):
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
            with _errors_name(path, replaces=False):
                yield file
        with _errors_name(path):
            os.replace(new, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


@contextlib.contextmanager
def _errors_name(path: str, *, replaces: bool = True) -> Generator[None, None, None]:
    """Make an OSError name `path`: in place of the new file, or if it names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or not (replaces or error.filename is None):
            raise
        raise OSError(error.errno, error.strerror, path) from None
