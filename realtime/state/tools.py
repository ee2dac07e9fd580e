"""Tools: declared from Python functions or Structs, run with the arguments of a model's call.

A function's signature is the schema: annotations are the types, a default makes an argument
optional, ``Annotated[..., msgspec.Meta(description=...)]`` or the Args section of the docstring
describes it. Arguments that do not match the schema are answered with an error that the model
can read; an exception raised by a tool is never caught here. Calls are found in the events by
`calls`.
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
    """Return the declaration of a function, or of a Struct, dataclass or TypedDict as its arguments.

    The default name is the function's, or the class's in snake_case; the default description is
    the docstring before its Args section. Nested types stay in the schema as ``$defs``.

    Raises:
        ConfigError: no schema can be made of `source`, or servers do not accept the name.
        TypeError: `source` is not callable.
    """
    return _tool(source, None, name, description).declaration


class Toolbox:
    """The tools of a session: their declarations, and the functions that answer a model's calls."""

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
        """Add a tool that runs `function`, which may be async.

        With `arguments`, a Struct, dataclass or TypedDict, that type is the schema and the
        function is called with one instance of it; without, the schema is the function's own
        signature.

        Raises:
            ConfigError: no schema can be made of it, servers do not accept the name, or the name
                is taken.
            TypeError: `function` is a class or is not callable.
        """
        if isinstance(function, type):
            raise TypeError(
                f"expected a function that takes a {function.__name__}: add(function, arguments={function.__name__})"
            )
        tool = _tool(function, arguments, name, description)
        if tool.name in self._tools:
            raise _config_error(tool.name, "a tool with this name already exists")
        self._tools[tool.name] = tool

    def tool(self, function: _F) -> _F:
        """Add a tool; `add` as a decorator."""
        self.add(function)
        return function

    @property
    def tools(self) -> list[Tool]:
        """The declarations, for the `tools` of a session or response."""
        return [tool.declaration for tool in self._tools.values()]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def is_async(self, name: str) -> bool:
        """Return True if the tool `name` is an async function. False for an unknown tool."""
        tool = self._tools.get(name)
        function = None if tool is None else _unwrap_partial(tool.function)
        return any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None))))  # noqa: B004

    def call(self, call: FunctionCall) -> ConversationItemCreate:
        """Run the tool that a call names. Returns the event that answers the call.

        A call of an unknown tool, or with arguments that do not match, is answered too, so that
        the model can correct it. No response is requested: send a `ResponseCreate` after the
        last answer.

        Raises:
            EncodeError: the tool's result is not JSON.
            TypeError: the tool is async: use `call_async`.
            Exception: an exception that the tool raises.
        """
        ready = self._prepare(call)
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
        """Run a sync or async tool, under any event loop. Otherwise the same as `call`."""
        ready = self._prepare(call)
        if isinstance(ready, ConversationItemCreate):
            return ready
        tool, positional, named = ready
        result = tool.function(*positional, **named)
        return call.output(await result if inspect.isawaitable(result) else result)

    def _prepare(
        self, call: FunctionCall
    ) -> ConversationItemCreate | tuple[_Tool, tuple[Any, ...], dict[str, Any]]:
        """Return the tool and its arguments, or the answer to a call that cannot be run."""
        tool = self._tools.get(call.name)
        if tool is None:
            return call.output(
                {"error": "there is no such tool", "name": snippet(call.name), "tools": list(self)}
            )
        try:
            arguments = call.decode(tool.arguments)
        except ArgumentsError as error:
            return error.output()
        if tool.fields is None:
            return tool, (arguments,), {}
        given = {name: getattr(arguments, field) for name, field in tool.fields.items()}
        return tool, (), {name: value for name, value in given.items() if value is not UNSET}


# --- Declaring -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tool:
    """A function, its declaration, and the type that the arguments of a call decode into."""

    function: Callable[..., Any]
    arguments: Any
    declaration: FunctionTool
    # The fields of `arguments` by the function's parameters, or None if it takes the instance itself.
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
        raise _config_error(name, f"a tool's name must match {spec.TOOL_NAME_PATTERN}")
    about, argument_texts = _parse_docstring(_docstring(function))
    if arguments is not None and not about:
        about, _ = _parse_docstring(_docstring(arguments))
    fields: dict[str, str] | None = None
    try:
        extra = {argument: {"description": text} for argument, text in argument_texts.items()}
        if arguments is None and isinstance(function, type):
            arguments = function
        elif arguments is None:
            fields, arguments = _arguments_struct(function, name, extra)
        parameters = _schema(arguments, name, extra)
    except ConfigError:
        raise
    except (NameError, AttributeError, SyntaxError, TypeError, ValueError) as why:
        raise _config_error(name, f"no schema can be made of it: {snippet(why)}") from None
    declaration = FunctionTool(name=name, parameters=parameters)
    if description or about:
        declaration.description = description or about
    return _Tool(function, arguments, declaration, fields)


def _arguments_struct(
    function: Callable[..., Any], tool: str, extra: dict[str, dict[str, Any]]
) -> tuple[dict[str, str], type[msgspec.Struct]]:
    """Return the Struct of a function's parameters, and its fields by the parameters' names.

    Adds the parameters' defaults to `extra`, the additions to their schemas.
    """
    fields: list[Any] = []
    names: dict[str, str] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        path = f"{tool}.{parameter.name}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _config_error(path, "a tool's arguments are passed by name")
        annotation: Any = parameter.annotation
        if annotation is parameter.empty:
            raise _config_error(path, "needs an annotation, from which its schema is made")
        # Generated names: a Struct does not accept every name that a parameter can have.
        field = names[parameter.name] = f"p{len(fields)}"
        if parameter.default is parameter.empty:
            fields.append((field, annotation))
            continue
        # An argument that the model omits is omitted in the call: the function's own default applies.
        fields.append((field, Union[annotation, UnsetType], UNSET))  # noqa: UP007 (of values)
        if isinstance(parameter.default, (str, int, float)):
            extra.setdefault(parameter.name, {})["default"] = parameter.default
    rename = {field: name for name, field in names.items()}
    return names, msgspec.defstruct(tool, fields, kw_only=True, forbid_unknown_fields=True, rename=rename)


def _schema(arguments: Any, tool: str, extra: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON schema of `arguments`: an object at the top, other types below ``$defs``."""
    (top,), parts = msgspec.json.schema_components([arguments], ref_template=_REF)
    own = top.get("$ref", "").removeprefix(_REF.format(name=""))
    if own in parts:
        top = dict(parts[own])
        if not _has_ref([top, parts], own):
            del parts[own]
    if top.get("type") != "object":
        raise _config_error(tool, "a tool's arguments are an object")
    for name, schema in top.get("properties", {}).items():
        for key, value in extra.get(name, {}).items():
            schema.setdefault(key, value)
    # The tool's own name and description take their place.
    rest = {key: value for key, value in top.items() if key not in ("title", "description")}
    return {**rest, "$defs": parts} if parts else rest


def _has_ref(schema: Any, name: str) -> bool:
    """Return True if a ``$ref`` in `schema` names the part `name`."""
    return f'"{_REF.format(name=name)}"'.encode() in msgspec.json.encode(schema)


def _name_of(source: Any) -> str:
    source = _unwrap_partial(source)
    name = str(getattr(source, "__name__", type(source).__name__))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() if isinstance(source, type) else name


def _docstring(source: Any) -> str:
    """Return the docstring written for `source`: not an inherited one, not a dataclass's generated one."""
    source = _unwrap_partial(source)
    doc = vars(source).get("__doc__") if isinstance(source, type) else getattr(source, "__doc__", None)
    is_generated = isinstance(source, type) and (doc or "").startswith(f"{source.__name__}(")
    return inspect.cleandoc(doc) if isinstance(doc, str) and not is_generated else ""


def _unwrap_partial(source: Any) -> Any:
    while isinstance(source, functools.partial):
        source = source.func
    return source


# --- Docstrings ----------------------------------------------------------------------

_ARGS = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
_SECTION = re.compile(
    r"^(?:Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?):", re.MULTILINE
)
_ARG = re.compile(r"^\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


def _parse_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """Return a docstring's description, and the arguments described in its Args section (Google style)."""
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


def _config_error(path: str, sentence: str) -> ConfigError:
    path = snippet(path)
    return ConfigError(f"{path}: {sentence}", problems=[(path, sentence)])
