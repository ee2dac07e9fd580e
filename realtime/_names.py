"""TEMPORARY: which names of a module are public; replaced by explicit ``__all__`` lists."""

from __future__ import annotations

import types
import typing

_BORROWED = frozenset({"annotations", "TYPE_CHECKING"})
_LENDERS = frozenset({"typing", "types", "msgspec", "msgspec._core", "collections.abc", "__future__"})


def public_names(namespace: dict[str, object]) -> list[str]:
    """The names of `namespace` that are its own, sorted."""
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_") and name not in _BORROWED and _is_own(value)
    )


def _is_own(value: object) -> bool:
    # From Python 3.14 on a union is an instance of a class of `typing`.
    if typing.get_origin(value) in (typing.Union, types.UnionType):
        return True
    if isinstance(value, type):
        return value.__module__ not in _LENDERS
    return not isinstance(value, types.ModuleType) and getattr(value, "__module__", "") != "typing"
