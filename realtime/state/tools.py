"""Tools: declared from Python functions or Structs, and run with the arguments of a model's call.

A function's signature is the schema: annotations are the types, a default makes an argument
optional, ``Annotated[..., msgspec.Meta(description=...)]`` or the docstring's Args section
describes it. What a model sends that does not fit becomes the answer that tells it so; what a
tool itself raises is its caller's to handle, and is never swallowed here.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, Union

import msgspec
from msgspec import UNSET, UnsetType

from .. import spec
from ..errors import ConfigError, snippet
from ..events import ConversationItemCreate, FunctionTool, Tool
from .calls import ArgumentsError, FunctionCall

_F = TypeVar("_F", bound=Callable[..., Any])

_NAME = re.compile(spec.TOOL_NAME_PATTERN)
_REF = "#/$defs/{name}"


def function_tool(
    source: Callable[..., Any], *, name: str | None = None, description: str | None = None
) -> FunctionTool:
    """The declaration of a function, or of a tool whose arguments are a Struct, dataclass or TypedDict.

    The name is the function's, or the class's in snake_case; the description is what its
    docstring says before any Args section. Nested types stay in the schema as ``$defs``.

    Raises:
        ConfigError: no schema can be made of it, or its name is not one that servers take.
    """
    return _tool(source, None, name, description).declaration


class Toolbox:
    """The tools of a session: their declarations, and the answers to a model's calls of them."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._tools: dict[str, _Tool] = {}
        for function in functions:
            self.add(function)

    def add(
        self,
        function: Callable[..., Any],
        *,
        arguments: type[Any] | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        """Adds a tool that `function` runs, sync or async.

        With `arguments`, a Struct, dataclass or TypedDict, that is the schema, and the function
        is called with one instance of it; without, its own signature is.

        Raises:
            ConfigError: no schema can be made of it, servers would refuse its name, or it is taken.
        """
        if isinstance(function, type):
            raise TypeError(f"a function is needed that takes a {function.__name__}: add(f, arguments=...)")
        tool = _tool(function, arguments, name, description)
        if tool.name in self._tools:
            raise _refused(tool.name, "there is a tool of this name already")
        self._tools[tool.name] = tool

    def tool(self, function: _F) -> _F:
        """`add` as a decorator."""
        self.add(function)
        return function

    @property
    def tools(self) -> list[Tool]:
        """The declarations, for `tools` of a session or response."""
        return [tool.declaration for tool in self._tools.values()]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def call(self, call: FunctionCall) -> ConversationItemCreate:
        """Runs the tool that `call` names and gives the event that answers it.

        A tool that is not there and arguments that do not fit are answered, too, so that the
        model can mend its call. Whether the model then responds is the caller's to say, by a
        `ResponseCreate` after the last answer.

        Raises:
            EncodeError: what the tool gave back is not JSON.
            TypeError: the tool is async: use `call_async`.
            Exception: what the tool raises.
        """
        ready = self._ready(call)
        if isinstance(ready, ConversationItemCreate):
            return ready
        tool, positional, named = ready
        result = tool.function(*positional, **named)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(f"{tool.name} is async: use call_async")
        return call.output(result)

    async def call_async(self, call: FunctionCall) -> ConversationItemCreate:
        """`call` for sync and async tools alike, under any event loop."""
        ready = self._ready(call)
        if isinstance(ready, ConversationItemCreate):
            return ready
        tool, positional, named = ready
        result = tool.function(*positional, **named)
        return call.output(await result if inspect.isawaitable(result) else result)

    def _ready(
        self, call: FunctionCall
    ) -> ConversationItemCreate | tuple[_Tool, tuple[Any, ...], dict[str, Any]]:
        """The tool and its arguments, or the answer that there are none."""
        tool = self._tools.get(call.name)
        if tool is None:
            return call.output(
                {"error": "there is no such tool", "name": snippet(call.name), "tools": list(self)}
            )
        try:
            arguments = call.decode(tool.arguments)
        except ArgumentsError as misfit:
            return misfit.output()
        if tool.fields is None:
            return tool, (arguments,), {}
        given = {name: getattr(arguments, field) for name, field in tool.fields.items()}
        return tool, (), {name: value for name, value in given.items() if value is not UNSET}


# --- Declaring -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tool:
    """A function, the type that its arguments decode into, and how that is passed on."""

    function: Callable[..., Any]
    arguments: Any
    declaration: FunctionTool
    # The Struct's fields by the names of the function's parameters; None where it takes the instance.
    fields: dict[str, str] | None

    @property
    def name(self) -> str:
        return str(self.declaration.name)


def _tool(
    function: Callable[..., Any], arguments: type[Any] | None, name: str | None, description: str | None
) -> _Tool:
    if not callable(function):
        raise TypeError(f"a tool is a function or a class, not {type(function).__name__}")
    name = _name_of(function) if name is None else name
    if not _NAME.fullmatch(name):
        raise _refused(name, f"a tool's name must match {spec.TOOL_NAME_PATTERN}")
    about, texts = _described(_own_doc(function))
    if arguments is not None and not about:
        about, _ = _described(_own_doc(arguments))
    fields: dict[str, str] | None = None
    try:
        more = {argument: {"description": text} for argument, text in texts.items()}
        if arguments is None and isinstance(function, type):
            arguments = function
        elif arguments is None:
            fields, arguments = _struct_of(function, name, more)
        parameters = _schema(arguments, name, more)
    except ConfigError:
        raise
    except (NameError, AttributeError, SyntaxError, TypeError, ValueError) as why:
        raise _refused(name, f"no schema can be made of it: {snippet(why)}") from None
    declaration = FunctionTool(name=name, parameters=parameters)
    if description or about:
        declaration.description = description or about
    return _Tool(function, arguments, declaration, fields)


def _struct_of(
    function: Callable[..., Any], tool: str, more: dict[str, dict[str, Any]]
) -> tuple[dict[str, str], type[msgspec.Struct]]:
    """The Struct whose fields are the parameters of `function`, and its fields' names by theirs."""
    fields: list[Any] = []
    names: dict[str, str] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        path = f"{tool}.{parameter.name}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _refused(path, "a tool's arguments are passed by name")
        annotation: Any = parameter.annotation
        if annotation is parameter.empty:
            raise _refused(path, "needs an annotation: it is the schema")
        # Names of ours, since a Struct does not take every name that a parameter can have.
        field = names[parameter.name] = f"p{len(fields)}"
        if parameter.default is parameter.empty:
            fields.append((field, annotation))
            continue
        # What the model leaves out is left out of the call: the function's own default applies.
        fields.append((field, Union[annotation, UnsetType], UNSET))  # noqa: UP007 (of values)
        if isinstance(parameter.default, (str, int, float)):
            more.setdefault(parameter.name, {})["default"] = parameter.default
    rename = {field: name for name, field in names.items()}
    return names, msgspec.defstruct(tool, fields, kw_only=True, forbid_unknown_fields=True, rename=rename)


def _schema(arguments: Any, tool: str, more: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The JSON schema of `arguments`: an object at the top, other types below ``$defs``."""
    (top,), parts = msgspec.json.schema_components([arguments], ref_template=_REF)
    own = top.get("$ref", "").removeprefix(_REF.format(name=""))
    if own in parts:
        top = dict(parts[own])
        if not _names([top, parts], own):
            del parts[own]
    if top.get("type") != "object":
        raise _refused(tool, "a tool's arguments are an object")
    for name, schema in top.get("properties", {}).items():
        for key, value in more.get(name, {}).items():
            schema.setdefault(key, value)
    # The tool's own name and description say these.
    rest = {key: value for key, value in top.items() if key not in ("title", "description")}
    return {**rest, "$defs": parts} if parts else rest


def _names(schema: Any, name: str) -> bool:
    """Whether a ``$ref`` in `schema` names the part `name`."""
    return f'"{_REF.format(name=name)}"'.encode() in msgspec.json.encode(schema)


def _name_of(source: Any) -> str:
    source = _inmost(source)
    name = str(getattr(source, "__name__", type(source).__name__))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() if isinstance(source, type) else name


def _own_doc(source: Any) -> str:
    """The docstring that was written for `source`, not one that it inherits or that was made for it."""
    source = _inmost(source)
    doc = vars(source).get("__doc__") if isinstance(source, type) else getattr(source, "__doc__", None)
    made = isinstance(source, type) and (doc or "").startswith(f"{source.__name__}(")
    return inspect.cleandoc(doc) if isinstance(doc, str) and not made else ""


def _inmost(source: Any) -> Any:
    """The function of which `source` is a partial application."""
    while isinstance(source, functools.partial):
        source = source.func
    return source


# --- Docstrings ----------------------------------------------------------------------

_ARGS = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
_SECTION = re.compile(
    r"^(?:Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?):", re.MULTILINE
)
_ARG = re.compile(r"^\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


def _described(doc: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the whole, and of each argument in its Args section (Google's style)."""
    section = _SECTION.search(doc)
    about = " ".join(doc[: section.start() if section else None].split())
    found = _ARGS.search(doc + "\n")
    texts: dict[str, str] = {}
    lines = found.group(1).splitlines() if found else []
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    name = ""
    for line in lines:
        entry = _ARG.match(line[margin:]) if line.strip() else None
        if entry:
            name, text = entry.groups()
            texts[name] = text.strip()
        elif name and line.strip():
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return about, texts


def _refused(path: str, what: str) -> ConfigError:
    path = snippet(path)
    return ConfigError(f"{path}: {what}", problems=[(path, what)])
