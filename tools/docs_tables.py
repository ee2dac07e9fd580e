"""Write the tables of docs/ that follow from the code: events, beta to GA, openai-python's types, faults.

``python -m tools.docs_tables`` rewrites them in place, between the comments that name them. A test fails
if one is out of date. Nothing here lists fields or events: they are read from the unions, and the
differences between beta and GA are found by converting events.
"""

from __future__ import annotations

import json
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import realtime
from realtime import beta, live, translation
from realtime.beta.convert import CONVERTED_FROM_GA, CONVERTED_TO_GA, RENAMED, SHARED
from realtime.codec import event_classes
from realtime.events.base import Tagged
from realtime.format import SIDES as AUDIO_SIDES, AudioFormat
from realtime.providers import PROVIDERS, Provider
from realtime.testing.faults import FAULTS, get_fault

DOCS = Path(__file__).resolve().parent.parent / "docs"
DIALECTS = {"ga": realtime, "beta": beta, "translation": translation, "live": live}
MODULES = {
    "ga": "realtime",
    "beta": "realtime.beta",
    "translation": "realtime.translation",
    "live": "realtime.live",
}


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(*words: str) -> str:
    """Return the words in backticks, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def union(dialect: str, side: str) -> tuple[type[Tagged], ...]:
    """Return the event classes of one side of a dialect."""
    return event_classes(getattr(DIALECTS[dialect], f"{side.capitalize()}Event"))


def tag(kind: type[Tagged]) -> str:
    """Return an event's type on the wire."""
    return str(kind.__struct_config__.tag)


def first_sentence(kind: type) -> str:
    """Return the first sentence of a docstring."""
    text = " ".join((kind.__doc__ or "").split())
    return re.split(r"(?<=\.) ", text, maxsplit=1)[0]


# --- Events, by dialect ----------------------------------------------------------------


def fields_of(kind: type) -> str:
    """Return the names of an event's own fields; optional ones have a question mark."""
    fields = [field for field in msgspec.structs.fields(kind) if field.name != "event_id"]
    return " ".join(f"`{field.name}{'' if field.required else '?'}`" for field in fields)


def events(dialect: str, side: str) -> str:
    """Return the table of one side of one dialect."""
    rows = [
        (f"`{tag(kind)}`", f"`{kind.__name__}`", first_sentence(kind), fields_of(kind))
        for kind in union(dialect, side)
    ]
    return table(("type", f"class in `{MODULES[dialect]}`", "when", "fields"), rows)


# --- Beta to GA --------------------------------------------------------------------------


def moved_events(side: str) -> str:
    """Return the GA counterpart of each beta event."""
    new_names = {old: new for new, old in RENAMED.items()}
    reached = {tag(new): {tag(k) for k in _landing(new)} for new in (*union("beta", side),)}
    rows = []
    for kind in union("beta", side):
        if kind in SHARED:
            rows.append((f"`{tag(kind)}`", "the same", ""))
        elif kind in new_names:
            new = new_names[kind]
            rows.append((f"`{tag(kind)}`", f"`{tag(new)}`", f"renamed; `{new.__name__}`, the same fields"))
        else:
            (new_tag,) = reached[tag(kind)]
            same = "the same name" if new_tag == tag(kind) else f"`{new_tag}`"
            rows.append((f"`{tag(kind)}`", same, "different members, see below"))
    return table(("beta", "GA", ""), rows)


def _landing(kind: type[Tagged]) -> set[Any]:
    """Return the GA classes that a beta event converts to, by converting one."""
    if kind not in CONVERTED_TO_GA:
        return set()
    frame = json.dumps({"type": tag(kind), **_minimal_members(kind)})
    decode = beta.decode_client if kind in union("beta", "client") else beta.decode_server
    return {type(beta.to_ga(decode(frame)))}


def _minimal_members(kind: type) -> dict[str, Any]:
    """Return the required members of an event."""
    contents: dict[str, Any] = {
        "item": {"type": "message", "role": "user", "content": []},
        "session": {},
        "response": {},
        "response_id": "r",
        "output_index": 0,
    }
    return {field.name: contents[field.name] for field in msgspec.structs.fields(kind) if field.required}


def new_events(side: str) -> str:
    """Return the GA events without a counterpart in beta."""
    ours = [
        k for k in union("ga", side) if k not in SHARED and k not in RENAMED and k not in CONVERTED_FROM_GA
    ]
    return table(("GA", "when"), [(f"`{tag(kind)}`", first_sentence(kind)) for kind in ours])


# Values for the settings whose type alone does not determine a valid one.
SAMPLES: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "output_modalities": ["audio"],
    "voice": "verse",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "format": {"type": "audio/pcmu"},
    "tools": [{"type": "function", "name": "f"}],
    "tool_choice": "auto",
    "tracing": "auto",
    "max_output_tokens": 1024,
    "max_response_output_tokens": 1024,
    "truncation": "disabled",
    "include": ["item.input_audio_transcription.logprobs"],
    "metadata": {"k": "v"},
    "parameters": {},
    "delay": "low",
    "effort": "low",
    "conversation": "none",
    "status_details": {"type": "cancelled", "reason": "turn_detected"},
    "usage": {"total_tokens": 3},
    "strength": 0.5,
}
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
SCALARS: dict[Any, Any] = {str: "x", int: 1, float: 0.5, bool: True}


def arms(kind: Any) -> list[Any]:
    """Return the members of a union of types without None and UNSET."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [arm for member in typing.get_args(kind) for arm in arms(member)]
    return [] if kind in (type(None), msgspec.UnsetType) else [kind]


def samples(field: msgspec.structs.FieldInfo) -> Iterator[Any]:
    """Yield a complete value for each type of `field`, beginning with the one in `SAMPLES`."""
    if field.name in SAMPLES:
        yield SAMPLES[field.name]
    for arm in arms(field.type):
        if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
            # Beta's turn detection has one Struct for two types: leave out fields of the other type.
            flat = {"eagerness"} if getattr(arm, "types", None) else set[str]()
            inner = msgspec.structs.fields(arm)
            value = {i.name: next(samples(i)) for i in inner if i.name not in flat}
            if issubclass(arm, Tagged):
                value = {"type": tag(arm), **value}
            yield value
        elif typing.get_origin(arm) is typing.Literal:
            yield typing.get_args(arm)[0]
        elif typing.get_origin(arm) is list:
            yield [SCALARS.get(typing.get_args(arm)[0], MESSAGE)]
        elif arm in SCALARS:
            yield SCALARS[arm]
        else:
            yield {}


def leaves(kind: type, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and a value of every setting of a Struct, including nested ones."""
    for field in msgspec.structs.fields(kind):
        here = (*path, field.name)
        structs = [
            arm for arm in arms(field.type) if isinstance(arm, type) and issubclass(arm, msgspec.Struct)
        ]
        opened = structs and not any(
            inner.required for arm in structs for inner in msgspec.structs.fields(arm)
        )
        if field.name in SAMPLES or not opened:
            yield here, next(samples(field))
            continue
        for arm in structs:
            for inner, value in leaves(arm, here):
                yield inner, value if not issubclass(arm, Tagged) else _Of(tag(arm), value)


class _Of:
    """A value inside an object of the type `tag`."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value


def wrapped(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the JSON object that has `value` at `path`."""
    if isinstance(value, _Of):
        inner = {"type": value.tag, path[-1]: value.value}
        return wrapped(path[:-1], inner)
    for name in reversed(path):
        value = {name: value}
    found: dict[str, Any] = value
    return found


def unwrapped(value: Any) -> tuple[str, Any]:
    """Return the path to the first value that is not an object with one member, and that value."""
    path = []
    while isinstance(value, dict) and len(value) == 1 and "type" not in value:
        ((name, value),) = value.items()
        path.append(name)
    return ".".join(path), value


Contexts = dict[str, tuple[str, str, type[msgspec.Struct], type[msgspec.Struct], dict[str, Any]]]
# Settings: beta event, its member, beta Struct, GA Struct, additional members of GA.
CONTEXTS: Contexts = {
    "session": (
        "session.update",
        "session",
        beta.RealtimeSessionConfig,
        realtime.RealtimeSession,
        {"type": "realtime"},
    ),
    "transcription": (
        "transcription_session.update",
        "session",
        beta.TranscriptionSessionConfig,
        realtime.TranscriptionSession,
        {"type": "transcription"},
    ),
    "request": ("response.create", "response", beta.RealtimeResponse, realtime.ResponseParams, {}),
}


def moved_fields(context: str) -> str:
    """Return the GA counterpart of each field of a beta session or request, and the fields that only GA has."""
    event, member, old, _, extra = CONTEXTS[context]
    rows, same = [], []
    for field in msgspec.structs.fields(old):
        value = next(samples(field))
        beta_member = f"`{field.name}: {json.dumps(value)}`"
        try:
            converted = beta.to_ga(
                beta.decode_client(json.dumps({"type": event, member: {field.name: value}}))
            )
        except realtime.ConfigError:
            rows.append((f"`{field.name}`", "no counterpart in GA"))
            continue
        found = json.loads(realtime.encode(converted))[member]
        path, moved = unwrapped({key: item for key, item in found.items() if key not in extra})
        if (path, moved) == unwrapped({field.name: value}):
            same.append(field.name)
        elif moved == value:
            rows.append((f"`{field.name}`", f"`{path}`"))
        else:
            rows.append((beta_member, f"`{path}: {json.dumps(moved)}`"))
    only_in_ga = [path for path in _only_in_ga(context) if path not in extra]
    return "\n\n".join((
        table(("beta", "GA"), rows),
        f"Unchanged: {code(*same)}.",
        f"Only in GA: {code(*only_in_ga)}.",
    ))  # fmt: skip


def _only_in_ga(context: str) -> Iterator[str]:
    event, member, _, new, extra = CONTEXTS[context]
    event = event.removeprefix("transcription_")
    for path, value in leaves(new):
        if context == "transcription" and "output" in path:
            continue  # the class has it, a transcription session does not
        frame = json.dumps({"type": event, member: {**extra, **wrapped(path, value)}})
        try:
            beta.from_ga(realtime.decode_client(frame))
        except realtime.ConfigError:
            yield ".".join(path)


def moved_parts() -> str:
    """Return the differences of content parts and of responses in server events."""
    rows = []
    for kind in ("text", "audio", "input_text", "input_audio"):
        text = {"text": "Hi."} if "text" in kind else {"transcript": "Hi."}
        role = "user" if "input" in kind else "assistant"
        item = {"type": "message", "role": role, "content": [{"type": kind, **text}]}
        event = beta.decode_client(json.dumps({"type": "conversation.item.create", "item": item}))
        found = json.loads(realtime.encode(beta.to_ga(event)))["item"]["content"][0]["type"]
        rows.append((f"part of type `{kind}`", "the same" if found == kind else f"of type `{found}`"))
    for field in msgspec.structs.fields(beta.Response):
        value = next(samples(field))
        frame = json.dumps({"type": "response.done", "response": {field.name: value}})
        response = json.loads(realtime.encode(beta.to_ga(beta.decode_server(frame))))["response"]
        if response != {field.name: value} and field.name != "output":
            path, moved = unwrapped(response)
            same = f"`{path}`" if moved == value else f"`{path}: {json.dumps(moved)}`"
            old = (
                f"`{field.name}`"
                if moved == value or not response
                else f"`{field.name}: {json.dumps(value)}`"
            )
            rows.append((f"response: {old}", same if response else "no counterpart in GA"))
    return table(("beta", "GA"), rows)


# --- openai-python's types -----------------------------------------------------------------


def openai_events(side: str) -> str:
    """Return the official client's event models and the classes here."""
    from openai.types.realtime import realtime_client_event, realtime_server_event

    unions: dict[str, Any] = {
        "client": realtime_client_event.RealtimeClientEvent,
        "server": realtime_server_event.RealtimeServerEvent,
    }
    ours = {tag(kind): kind.__name__ for kind in union("ga", side)}
    theirs: dict[str, str] = {}
    for model in typing.get_args(typing.get_args(unions[side])[0]):
        (name,) = typing.get_args(model.model_fields["type"].annotation)
        theirs[name] = model.__name__
    rows = [(f"`{theirs[name]}`", f"`{ours[name]}`", f"`{name}`") for name in sorted(theirs)]
    return table(("`openai.types.realtime`", "`realtime`", "type"), rows)


# Models inside events, whose classes here cannot be found by a type on the wire.
CARRIED: dict[str, type[msgspec.Struct]] = {
    "RealtimeSessionCreateRequest": realtime.RealtimeSession,
    "RealtimeSessionCreateResponse": realtime.RealtimeSessionInfo,
    "RealtimeTranscriptionSessionCreateRequest": realtime.TranscriptionSession,
    "RealtimeTranscriptionSessionCreateResponse": realtime.TranscriptionSessionInfo,
    "RealtimeAudioConfig": realtime.AudioConfig,
    "RealtimeAudioConfigInput": realtime.AudioInput,
    "RealtimeAudioConfigOutput": realtime.AudioOutput,
    "AudioTranscription": realtime.Transcription,
    "RealtimeReasoning": realtime.Reasoning,
    "RealtimeTruncationRetentionRatio": realtime.RetentionRatio,
    "RealtimeFunctionTool": realtime.FunctionTool,
    "RealtimeResponseCreateMcpTool": realtime.McpTool,
    "RealtimeResponseCreateParams": realtime.ResponseParams,
    "RealtimeResponseCreateAudioOutput": realtime.ResponseAudio,
    "RealtimeResponse": realtime.Response,
    "RealtimeResponseStatus": realtime.StatusDetails,
    "RealtimeResponseUsage": realtime.ResponseUsage,
    "RealtimeResponseUsageInputTokenDetails": realtime.InputTokenDetails,
    "RealtimeResponseUsageOutputTokenDetails": realtime.OutputTokenDetails,
    "RealtimeConversationItemUserMessage": realtime.MessageItem,
    "RealtimeConversationItemSystemMessage": realtime.MessageItem,
    "RealtimeConversationItemAssistantMessage": realtime.MessageItem,
    "RealtimeConversationItemFunctionCall": realtime.FunctionCallItem,
    "RealtimeConversationItemFunctionCallOutput": realtime.FunctionCallOutputItem,
    "RealtimeMcpApprovalRequest": realtime.McpApprovalRequestItem,
    "RealtimeMcpApprovalResponse": realtime.McpApprovalResponseItem,
    "RealtimeMcpListTools": realtime.McpListToolsItem,
    "RealtimeMcpToolCall": realtime.McpCallItem,
    "RealtimeMcpProtocolError": realtime.McpProtocolError,
    "RealtimeMcpToolExecutionError": realtime.McpToolExecutionError,
    "RealtimeMcphttpError": realtime.McpHttpError,
    "RealtimeError": realtime.ErrorDetail,
    "LogProbProperties": realtime.LogProb,
}


def openai_carried() -> str:
    """Return the table of `CARRIED`, after checking that every field of a model exists here."""
    import openai.types.realtime as models

    for name, kind in CARRIED.items():
        fields = {field.alias or name for name, field in getattr(models, name).model_fields.items()}
        missing = fields - {*kind.__struct_fields__, "type"}
        assert not missing, f"{kind.__name__} lacks {missing} of {name}"
    rows = [(f"`{name}`", f"`{kind.__name__}`") for name, kind in CARRIED.items()]
    return table(("`openai.types.realtime`", "`realtime`"), rows)


# --- Faults --------------------------------------------------------------------------------


def faults() -> str:
    """Return the faults of the loopback server."""
    affected = {None: "every connection", 1: "one connection"}
    rows = [
        (f"`{name}`", " ".join((kind.__doc__ or "").split()), affected[get_fault(name).times])
        for name, kind in FAULTS.items()
    ]
    return table(("name", "effect", "applies to"), rows)


# --- Providers -----------------------------------------------------------------------------


def _rates(formats: Sequence[AudioFormat]) -> str:
    """Return the formats of one direction: rates of PCM in kHz, then G.711."""
    if not formats:
        return "none"
    pcm = "/".join(f"{format.sample_rate / 1000:g}" for format in formats if format.encoding == "pcm16")
    laws = [format.encoding.removeprefix("g711_") for format in formats if format.encoding != "pcm16"]
    return ", ".join((f"PCM {pcm} kHz", *laws))


def providers() -> str:
    """Return the servers, and what each takes and reports."""
    rows = [
        (
            f"`{row.name}`",
            "GA" if row.base == "ga" else "beta",
            _rates(row.input_formats),
            _rates(row.output_formats),
            f"`{row.usage_path}`",
            str(len(own_types(row))),
            _settings(row),
            _bridged(row),
        )
        for row in PROVIDERS.values()
    ]
    head = ("name", "base", "input", "output", "usage in", "own events", "settings", "mu-law phone")
    return table(head, rows)


def _settings(row: Provider) -> str:
    """Return the type of a provider's settings; its module has `create_session_config`."""
    if not row.output_formats:
        return "none"
    cls = row.session_type
    module = cls.__module__.replace(".events.session", "").replace(".events", "")
    return f"`{module}.{cls.__name__}`"


def _bridged(row: Provider) -> str:
    """Return what a bridge does with the audio of a mu-law carrier."""
    if not row.output_formats:
        return "no audio"
    ulaw = AudioFormat.G711_ULAW
    formats = [row.nearest_format(ulaw, side) for side in AUDIO_SIDES]
    if formats == [ulaw, ulaw]:
        return "passed through"
    rates = "/".join(f"{format.sample_rate / 1000:g}" for format in formats)
    return f"converted, PCM {rates} kHz"


def addresses() -> str:
    """Return the addresses of the servers, and the headers with their keys."""
    rows = []
    for row in PROVIDERS.values():
        host = row.host.partition("://")[2]
        ((header, value),) = row.headers("KEY").items()
        url = row.url("MODEL", host=host.replace("<resource>", "RESOURCE"))
        rows.append(
            (f"`{row.name}`", f"`{url}`", f"`{header}: {value}`", f"`{row.api_key_env}`", row.address_source)
        )
    return table(("name", "address", "header", "variable with the key", "source, read 2026-11-29"), rows)


def own_types(row: Provider) -> list[str]:
    """Return the types of a provider's events that its base dialect does not have."""
    base = realtime if row.base == "ga" else beta
    codec: Any = type(row.codec)
    unions = ((codec.server_events, base.ServerEvent), (codec.client_events, base.ClientEvent))
    return sorted({tag(k) for own, _ in unions for k in event_classes(own)} - {
        tag(k) for _, theirs in unions for k in event_classes(theirs)
    })  # fmt: skip


def quirks() -> str:
    """Return the differences of every server from OpenAI's, with their sources."""
    rows = [
        (f"`{row.name}`", quirk.text, quirk.evidence, quirk.source)
        for row in PROVIDERS.values()
        for quirk in row.quirks
    ]
    return table(("server", "difference", "evidence", "source"), rows)


# --- Frameworks ----------------------------------------------------------------------------

# Written by `make test-frameworks`.
FRAMEWORKS = DOCS.parent / "tests" / "frameworks" / "results.json"


def _frameworks() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FRAMEWORKS.read_text(encoding="utf-8"))["clients"]
    return found


def framework_steps() -> str:
    """Return the steps that each client has passed, with the versions and the date."""
    clients = _frameworks()
    steps = next(iter(clients.values()))["steps"]
    rows = [
        (
            name,
            *found["steps"].values(),
            ", ".join(f"{package} {version}" for package, version in found["versions"].items()),
            found["date"],
        )
        for name, found in clients.items()
    ]
    return table(("client", *steps, "versions", "date"), rows)


def _alike(member: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what clients have in common, with the names of those that do not differ."""
    groups: dict[str, tuple[list[str], dict[str, str]]] = {}
    for name, found in _frameworks().items():
        groups.setdefault(json.dumps(found[member]), ([], found[member]))[0].append(name)
    return (("<br>".join(names), values) for names, values in groups.values())


def framework_faults() -> str:
    """Return what each client notices of each fault."""
    groups = [*_alike("faults")]
    rows = [(f"`{fault}`", *(values[fault] for _, values in groups)) for fault in groups[0][1]]
    return table(("fault", *(names for names, _ in groups)), rows)


def framework_reasons() -> str:
    """Return the reasons for what differs."""
    rows = [
        (names, f"`{fault}`", reason)
        for names, values in _alike("reasons")
        for fault, reason in values.items()
    ]
    return table(("client", "fault", "reason"), rows)


def framework_words() -> str:
    """Return the last words of the cells and their meanings."""
    words: dict[str, str] = json.loads(FRAMEWORKS.read_text(encoding="utf-8"))["then"]
    return table(("", "meaning"), [*words.items()])


# --- Pages ---------------------------------------------------------------------------------

SIDES = ("client", "server")
TABLES: dict[str, Callable[[], str]] = {
    **{f"events {dialect} {side}": partial(events, dialect, side) for dialect in DIALECTS for side in SIDES},
    **{f"moved events {side}": partial(moved_events, side) for side in SIDES},
    "new events server": partial(new_events, "server"),
    **{f"moved {context}": partial(moved_fields, context) for context in CONTEXTS},
    "moved parts": moved_parts,
    **{f"openai {side}": partial(openai_events, side) for side in SIDES},
    "openai carried": openai_carried,
    "faults": faults,
    "providers": providers,
    "addresses": addresses,
    "quirks": quirks,
    "framework steps": framework_steps,
    "framework faults": framework_faults,
    "framework reasons": framework_reasons,
    "framework words": framework_words,
}
PLACE = re.compile(r"(<!-- table: ([a-z ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the text of a page with its tables up to date."""
    return PLACE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[4]}", text)


def pages() -> list[Path]:
    """Return the pages that have tables."""
    return [page for page in sorted(DOCS.rglob("*.md")) if PLACE.search(page.read_text(encoding="utf-8"))]


def main() -> int:
    """Rewrite the tables."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(DOCS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
