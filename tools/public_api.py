"""The public names of the packages and their signatures, one a line, in tests/public_api.txt.

python -m tools.public_api writes the file; tests/test_public_api.py fails where it differs from the code. The
text is the same on every Python version: annotations are read as they stand in the source.
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

SNAPSHOT = Path(__file__).resolve().parent.parent / "tests" / "public_api.txt"
# The first package with a name describes it; the others refer to it.
PACKAGES = (
    "realtime",
    "realtime.events",
    "realtime.beta",
    "realtime.translation",
    "realtime.live",
    "realtime.providers",
    "realtime.rest",
    "realtime.audio",
    "realtime.state",
    "realtime.client",
    "realtime.telephony",
    "realtime.recording",
    "realtime.analysis",
    "realtime.testing",
)


# Dunder methods that are part of a class's interface; the others follow from its kind.
_SHOWN = frozenset({"__aenter__", "__aiter__", "__anext__", "__enter__", "__iter__", "__len__", "__next__"})


def snapshot(packages: Sequence[str] = PACKAGES) -> str:
    """Return the text of the file for the code as it is."""
    named = [
        (f"{package}.{name}", getattr(module, name))
        for package in packages
        for module in [importlib.import_module(package)]
        for name in sorted(module.__all__)
    ]
    homes: dict[int, str] = {}
    for path, value in named:
        if isinstance(value, type | types.FunctionType | types.ModuleType):
            homes.setdefault(id(value), path)
    lines: list[str] = []
    for path, value in named:
        home = homes.get(id(value), path)
        lines += [f"{path} = {home}"] if home != path else _described(path, value, homes)
    return "".join(f"{line}\n" for line in lines)


def _described(path: str, value: object, public: Container[int]) -> Iterator[str]:
    if isinstance(value, type):
        yield from _class(path, value, public)
    elif inspect.isroutine(value):
        yield f"{path}{_signature(value)}"
    elif inspect.ismodule(value):
        yield f"{path}: module"
    elif typing.get_origin(value) is not None:
        yield f"{path} = {_type(value)}"
    else:
        yield f"{path}: {type(value).__name__}"


def _class(path: str, cls: type, public: Container[int]) -> Iterator[str]:
    """Yield a class with its members, and those of bases that have no public name and so no lines of their own."""
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    tag = cls.__struct_config__.tag if issubclass(cls, msgspec.Struct) else None
    yield f"class {path}({bases})" + (f" {tag!r}" if tag is not None else "")
    ours = [at for at in inspect.getmro(cls) if at.__module__.partition(".")[0] == "realtime"]
    for at in ours:
        if "__init__" in vars(at):
            yield f"{path}{_signature(vars(at)['__init__'])}"
            break
    members: dict[str, str] = {}
    for at in ours:
        if at is cls or id(at) not in public:
            members = {**_fields(at), **_methods(at), **members}
    for name, text in sorted(members.items()):
        yield f"{path}.{name}{text}"


def _methods(cls: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, member in vars(cls).items():
        if name.startswith("_") and name not in _SHOWN:
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(function, property) and function.fget is not None:
            found[name] = f": {_annotation(inspect.get_annotations(function.fget).get('return'))}"
        elif inspect.isfunction(function):
            found[name] = _signature(function)
    return found


def _fields(cls: type) -> dict[str, str]:
    defaults: dict[str, object] = {}
    if issubclass(cls, msgspec.Struct):
        names, values = cls.__struct_fields__, cls.__struct_defaults__
        defaults = dict(zip(names[len(names) - len(values) :], values, strict=True))
    return {
        name: f": {_annotation(annotation)}"
        + (f" = {_default(defaults[name])}" if _has(defaults, name) else "")
        for name, annotation in inspect.get_annotations(cls).items()
        if not name.startswith("_")
    }


def _has(defaults: dict[str, object], name: str) -> bool:
    return defaults.get(name, msgspec.NODEFAULT) is not msgspec.NODEFAULT


def _default(value: object) -> str:
    if inspect.isroutine(value):
        return value.__qualname__
    return "..." if " object at 0x" in (text := repr(value)) else text


def _signature(function: Callable[..., object]) -> str:
    found = inspect.signature(function)
    shown = [
        parameter.replace(
            default=parameter.default
            if parameter.default is parameter.empty
            else _Text(_default(parameter.default)),
            annotation=parameter.annotation
            if parameter.annotation is parameter.empty
            else _annotation(parameter.annotation),
        )
        for parameter in found.parameters.values()
    ]
    returned = found.return_annotation
    returned = returned if returned is found.empty else _annotation(returned)
    return str(found.replace(parameters=shown, return_annotation=returned))


def _annotation(value: object) -> _Text:
    """Return an annotation as it stands in the source. That of a NamedTuple is a ForwardRef."""
    return _Text(getattr(value, "__forward_arg__", value))


def _type(value: Any) -> str:
    """Return a union or a generic alias as text; `repr` differs between versions of Python."""
    if isinstance(value, type) and typing.get_origin(value) is None:
        return value.__name__
    origin, arguments = typing.get_origin(value), typing.get_args(value)
    if origin is None:
        return repr(value)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(sorted(map(_type, arguments)))
    name = getattr(origin, "__name__", None) or str(origin).removeprefix("typing.")
    return f"{name}[{', '.join(map(_type, arguments))}]"


class _Text(str):
    """A default whose `repr` is its text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8", newline="\n")
