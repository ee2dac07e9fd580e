"""Which names of a module are public: what it defines, not what it borrows.

Only for the ``__all__`` of the packages that gather many modules by star imports; type
checkers follow the star imports themselves.
"""

from __future__ import annotations

from types import ModuleType

_BORROWED = frozenset({"annotations", "TYPE_CHECKING", "T"})
_LENDERS = frozenset({"typing", "msgspec", "msgspec._core", "collections.abc", "__future__"})


def public_names(namespace: dict[str, object]) -> list[str]:
    """The names of `namespace` that are its own, sorted."""
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in _BORROWED
        and not isinstance(value, ModuleType)
        and (not isinstance(value, type) or value.__module__ not in _LENDERS)
        and getattr(value, "__module__", "") != "typing"
    )
