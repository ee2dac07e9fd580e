"""Logs found by their names: files, globs and folders; a rotated log is one log of several files."""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..recording._blocks import SUFFIXES
from ..recording._files import _PART_DIGITS, _split

_ENDINGS: Final = tuple(
    f".{kind}{packed}" for kind in ("jsonl", "ndjson", "log") for packed in ("", ".gz", ".zst")
)
# The parts in a folder, by the names of their logs: their numbers and their own names.
_Parts = dict[str, list[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its name, and its files in order; none where there is no such log."""

    name: str
    files: tuple[str, ...]


def find_logs(names: Iterable[str]) -> list[Log]:
    """The logs that are named: files, globs (`**` too) and folders, each once and in their order.

    In a folder, and below it, logs are the files that end as those of `Recorder` do. A name that
    nothing has is a `Log` without files. A log that is named twice, in whatever spellings or by links
    to the same files, has the name that came first.

    Raises:
        OSError: a folder cannot be read.
    """
    parts = functools.cache(_parts_in)
    found: dict[tuple[str, ...], Log] = {}
    for name in dict.fromkeys(name for given in names for name in _matches(given)):
        log = Log(name, _files(name, parts))
        found.setdefault(tuple(map(os.path.realpath, log.files or (name,))), log)
    return [*found.values()]


def _files(name: str, parts: Callable[[str], _Parts]) -> tuple[str, ...]:
    """What `log_files` gives; but each folder is read once, however many logs are in it."""
    folder, base = os.path.split(name)
    files = [os.path.join(folder, part) for _, part in parts(folder).get(base, ())]
    return (*files, name) if os.path.isfile(name) else tuple(files)


def _parts_in(folder: str) -> _Parts:
    """The numbered parts in a folder, in their order, by the names of their logs."""
    found: _Parts = {}
    for name in os.listdir(folder or ".") if os.path.isdir(folder or ".") else ():
        part = _part(name)
        if part is not None:
            whole, number = part
            found.setdefault(whole, []).append((int(number), name))
    return {base: sorted(parts) for base, parts in found.items()}


def _part(name: str) -> tuple[str, str] | None:
    """The log that a file of this name is a numbered part of, and the number, as `Recorder` puts it there."""
    packed = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    for stem, ends in (_split(name), (name.removesuffix(packed), packed)):
        whole, _, number = stem.rpartition(".")
        is_number = number.isdecimal() and len(number) >= _PART_DIGITS
        if whole and is_number and _split(whole + ends) == (whole, ends):
            return whole + ends, number
    return None


def _matches(given: str) -> Iterator[str]:
    if os.path.isdir(given):
        yield from _in_folder(given)
    elif not glob.has_magic(given) or os.path.exists(given):
        yield given
    else:
        matches = sorted(glob.iglob(given, recursive=True))
        names = [name for name in matches if not os.path.isdir(name)]
        yield from map(_whole_log, names) if names else (given,)


def _in_folder(folder: str) -> Iterator[str]:
    for path, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        yield from (_whole_log(os.path.join(path, name)) for name in sorted(names) if name.endswith(_ENDINGS))


def _whole_log(path: str) -> str:
    """The name of the log that a file is a numbered part of; else its own.

    A date could be a part's number: those of real logs have six digits and begin with 0, or their
    log is beside them.
    """
    folder, name = os.path.split(path)
    part = _part(name)
    if part is None:
        return path
    whole, number = os.path.join(folder, part[0]), part[1]
    is_part = number.startswith("0") or (len(number) == _PART_DIGITS and os.path.isfile(whole))
    return whole if is_part else path


def _raise(why: OSError) -> None:
    raise why
