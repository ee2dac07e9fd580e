"""Finding logs by name: files, globs and folders.

A rotated log is one `Log` of several files. Reading a log is `realtime.recording.read_log`; its file
names are defined in `realtime.recording.log`.
"""

from __future__ import annotations

import functools
import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..recording.log import PART_DIGITS, find_parts, split_part

_ENDINGS: Final = tuple(
    f".{kind}{packed}" for kind in ("jsonl", "ndjson", "log") for packed in ("", ".gz", ".zst")
)


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its name, and its files in order. `files` is empty if there is no such log."""

    name: str
    files: tuple[str, ...]


def find_logs(names: Iterable[str]) -> list[Log]:
    """Return the logs that match `names`, each once and in order.

    A name is a file, a glob (`**` too) or a folder, which is searched recursively for files with the
    extensions that `Recorder` writes. A name that matches nothing becomes a `Log` without files. A log
    that several names match, or links to it, is returned under the first of these names.

    Raises:
        OSError: a folder cannot be read.
    """
    parts_in = functools.cache(find_parts)
    found: dict[tuple[str, ...], Log] = {}
    for match in dict.fromkeys(itertools.chain.from_iterable(map(_matches, names))):
        log = Log(match, _files(match, parts_in))
        found.setdefault(tuple(map(os.path.realpath, log.files or (match,))), log)
    return [*found.values()]


def _files(name: str, parts_in: Callable[[str], Mapping[str, list[tuple[int, str]]]]) -> tuple[str, ...]:
    """Return the same as `log_files`, but read each folder only once."""
    folder, base = os.path.split(name)
    files = [os.path.join(folder, part) for _, part in parts_in(folder).get(base, ())]
    return (*files, name) if os.path.isfile(name) else tuple(files)


def _matches(name: str) -> Iterator[str]:
    if os.path.isdir(name):
        yield from _logs_in(name)
    elif not glob.has_magic(name) or os.path.exists(name):
        yield name
    else:
        matches = sorted(glob.iglob(name, recursive=True))
        files = [match for match in matches if not os.path.isdir(match)]
        yield from map(_log_of, files) if files else (name,)


def _logs_in(folder: str) -> Iterator[str]:
    for path, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        yield from (_log_of(os.path.join(path, name)) for name in sorted(names) if name.endswith(_ENDINGS))


def _log_of(path: str) -> str:
    """Return the name of the log that a file is a part of; `path` if it is not a part.

    A date in a name could look like a part's number. Real numbers have six digits and begin with 0,
    or the log itself is in the same folder.
    """
    folder, name = os.path.split(path)
    part = split_part(name)
    if part is None:
        return path
    log, number = os.path.join(folder, part[0]), part[1]
    is_part = number.startswith("0") or (len(number) == PART_DIGITS and os.path.isfile(log))
    return log if is_part else path


def _raise(error: OSError) -> None:
    raise error
