"""Code for mypy and pyright: every union is exhausted by a `match` over its members.

`make check` fails if a member is missing here; pytest only checks that the functions run.
"""

from __future__ import annotations

from typing import assert_never

import realtime
from realtime import beta, live, translation


def ga_server(event: realtime.ServerEvent) -> str:
    match event:
        case (
            realtime.SessionCreated()
            | realtime.SessionUpdated()
            | realtime.Error()
            | realtime.RateLimitsUpdated()
            | realtime.InputAudioBufferCommitted()
            | realtime.InputAudioBufferCleared()
            | realtime.InputAudioBufferSpeechStarted()
            | realtime.InputAudioBufferSpeechStopped()
            | realtime.InputAudioBufferTimeoutTriggered()
            | realtime.InputAudioBufferDtmfEventReceived()
            | realtime.OutputAudioBufferStarted()
            | realtime.OutputAudioBufferStopped()
            | realtime.OutputAudioBufferCleared()
            | realtime.ConversationCreated()
            | realtime.ConversationItemCreated()
            | realtime.ConversationItemAdded()
            | realtime.ConversationItemDone()
            | realtime.ConversationItemRetrieved()
            | realtime.ConversationItemTruncated()
            | realtime.ConversationItemDeleted()
            | realtime.ConversationItemInputAudioTranscriptionDelta()
            | realtime.ConversationItemInputAudioTranscriptionSegment()
            | realtime.ConversationItemInputAudioTranscriptionCompleted()
            | realtime.ConversationItemInputAudioTranscriptionFailed()
            | realtime.ResponseCreated()
            | realtime.ResponseDone()
            | realtime.ResponseOutputItemAdded()
            | realtime.ResponseOutputItemDone()
            | realtime.ResponseContentPartAdded()
            | realtime.ResponseContentPartDone()
            | realtime.ResponseOutputAudioDelta()
            | realtime.ResponseOutputAudioDone()
            | realtime.ResponseOutputAudioTranscriptDelta()
            | realtime.ResponseOutputAudioTranscriptDone()
            | realtime.ResponseOutputTextDelta()
            | realtime.ResponseOutputTextDone()
            | realtime.ResponseFunctionCallArgumentsDelta()
            | realtime.ResponseFunctionCallArgumentsDone()
            | realtime.ResponseMcpCallArgumentsDelta()
            | realtime.ResponseMcpCallArgumentsDone()
            | realtime.ResponseMcpCallInProgress()
            | realtime.ResponseMcpCallCompleted()
            | realtime.ResponseMcpCallFailed()
            | realtime.McpListToolsInProgress()
            | realtime.McpListToolsCompleted()
            | realtime.McpListToolsFailed()
            | realtime.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def ga_client(event: realtime.ClientEvent) -> str:
    match event:
        case (
            realtime.SessionUpdate()
            | realtime.InputAudioBufferAppend()
            | realtime.InputAudioBufferCommit()
            | realtime.InputAudioBufferClear()
            | realtime.OutputAudioBufferClear()
            | realtime.ConversationItemCreate()
            | realtime.ConversationItemRetrieve()
            | realtime.ConversationItemTruncate()
            | realtime.ConversationItemDelete()
            | realtime.ResponseCreate()
            | realtime.ResponseCancel()
            | realtime.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def beta_server(event: beta.ServerEvent) -> str:
    match event:
        case (
            beta.SessionCreated()
            | beta.SessionUpdated()
            | beta.TranscriptionSessionCreated()
            | beta.TranscriptionSessionUpdated()
            | beta.Error()
            | beta.RateLimitsUpdated()
            | beta.InputAudioBufferCommitted()
            | beta.InputAudioBufferCleared()
            | beta.InputAudioBufferSpeechStarted()
            | beta.InputAudioBufferSpeechStopped()
            | beta.OutputAudioBufferStarted()
            | beta.OutputAudioBufferStopped()
            | beta.OutputAudioBufferCleared()
            | beta.ConversationCreated()
            | beta.ConversationItemCreated()
            | beta.ConversationItemRetrieved()
            | beta.ConversationItemTruncated()
            | beta.ConversationItemDeleted()
            | beta.ConversationItemInputAudioTranscriptionDelta()
            | beta.ConversationItemInputAudioTranscriptionCompleted()
            | beta.ConversationItemInputAudioTranscriptionFailed()
            | beta.ResponseCreated()
            | beta.ResponseDone()
            | beta.ResponseOutputItemAdded()
            | beta.ResponseOutputItemDone()
            | beta.ResponseContentPartAdded()
            | beta.ResponseContentPartDone()
            | beta.ResponseAudioDelta()
            | beta.ResponseAudioDone()
            | beta.ResponseAudioTranscriptDelta()
            | beta.ResponseAudioTranscriptDone()
            | beta.ResponseTextDelta()
            | beta.ResponseTextDone()
            | beta.ResponseFunctionCallArgumentsDelta()
            | beta.ResponseFunctionCallArgumentsDone()
            | beta.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def beta_client(event: beta.ClientEvent) -> str:
    match event:
        case (
            beta.SessionUpdate()
            | beta.TranscriptionSessionUpdate()
            | beta.InputAudioBufferAppend()
            | beta.InputAudioBufferCommit()
            | beta.InputAudioBufferClear()
            | beta.OutputAudioBufferClear()
            | beta.ConversationItemCreate()
            | beta.ConversationItemRetrieve()
            | beta.ConversationItemTruncate()
            | beta.ConversationItemDelete()
            | beta.ResponseCreate()
            | beta.ResponseCancel()
            | beta.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def translation_server(event: translation.ServerEvent) -> str:
    match event:
        case (
            translation.SessionCreated()
            | translation.SessionUpdated()
            | translation.SessionClosed()
            | translation.SessionInputTranscriptDelta()
            | translation.SessionOutputTranscriptDelta()
            | translation.SessionOutputAudioDelta()
            | translation.Error()
            | translation.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def translation_client(event: translation.ClientEvent) -> str:
    match event:
        case (
            translation.SessionUpdate()
            | translation.SessionInputAudioBufferAppend()
            | translation.SessionClose()
            | translation.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def live_server(event: live.ServerEvent) -> str:
    match event:
        case (
            live.SessionStarted()
            | live.SessionUpdated()
            | live.SessionPaused()
            | live.SessionResumed()
            | live.SessionUsageUpdated()
            | live.SessionClosed()
            | live.Error()
            | live.Info()
            | live.SessionInputAudioAppend()
            | live.SessionOutputAudioDelta()
            | live.SessionInputAudioMuted()
            | live.SessionInputAudioUnmuted()
            | live.SessionOutputAudioFixturePlaying()
            | live.SessionOutputAudioFixturePlayed()
            | live.SessionInputTranscriptDelta()
            | live.SessionOutputTranscriptDelta()
            | live.SessionInstructionsAppended()
            | live.SessionThinkingAppended()
            | live.SessionCommentaryAppended()
            | live.SessionDelegationCreated()
            | live.DecisionEvent()
            | live.DecisionItemCreated()
            | live.DecisionItemDeleted()
            | live.ResponseEvent()
            | live.TransportRinging()
            | live.TransportAnswered()
            | live.TransportFailed()
            | live.TransportDtmfReceived()
            | live.TransportDtmfSend()
            | live.TransportDtmfSent()
            | live.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def live_client(event: live.ClientEvent) -> str:
    match event:
        case (
            live.SessionStart()
            | live.SessionUpdate()
            | live.SessionClose()
            | live.SessionInputAudioAppend()
            | live.SessionInputAudioMute()
            | live.SessionInputAudioUnmute()
            | live.SessionOutputAudioFixturePlay()
            | live.SessionInstructionsAppend()
            | live.SessionThinkingAppend()
            | live.SessionCommentaryAppend()
            | live.DecisionCreate()
            | live.DecisionItemCreate()
            | live.DecisionItemDelete()
            | live.ResponseItemCreate()
            | live.ResponseCreate()
            | live.TransportDtmfSend()
            | live.UnknownEvent()
        ):
            return event.type
        case _:
            assert_never(event)


def item(value: realtime.Item) -> object:
    match value:
        case (
            realtime.MessageItem()
            | realtime.FunctionCallItem()
            | realtime.FunctionCallOutputItem()
            | realtime.McpApprovalRequestItem()
            | realtime.McpApprovalResponseItem()
            | realtime.McpListToolsItem()
            | realtime.McpCallItem()
            | realtime.UnknownItem()
        ):
            return value.type
        case _:
            assert_never(value)


def part(value: realtime.ContentPart) -> object:
    match value:
        case (
            realtime.InputText()
            | realtime.InputAudio()
            | realtime.InputImage()
            | realtime.OutputText()
            | realtime.OutputAudio()
            | realtime.Text()
            | realtime.Audio()
            | realtime.UnknownPart()
        ):
            return value.type
        case _:
            assert_never(value)


def session(value: realtime.Session) -> object:
    match value:
        case realtime.RealtimeSession() | realtime.TranscriptionSession() | realtime.UnknownSession():
            return value.type
        case _:
            assert_never(value)


def turn_detection(value: realtime.TurnDetection) -> object:
    match value:
        case realtime.ServerVad() | realtime.SemanticVad() | realtime.UnknownTurnDetection():
            return value.type
        case _:
            assert_never(value)


def tool(value: realtime.Tool) -> object:
    match value:
        case realtime.FunctionTool() | realtime.McpTool() | realtime.UnknownTool():
            return value.type
        case _:
            assert_never(value)


def audio_format(value: realtime.Format) -> object:
    match value:
        case realtime.PcmFormat() | realtime.PcmuFormat() | realtime.PcmaFormat() | realtime.UnknownFormat():
            return value.type
        case _:
            assert_never(value)


def beta_item(value: beta.Item) -> object:
    match value:
        case beta.ConversationItem() | beta.UnknownItem():
            return value.type
        case _:
            assert_never(value)


def truncation(value: realtime.Truncation) -> str:
    match value:
        case str():
            return value
        case realtime.RetentionRatio():
            return str(value.retention_ratio)
        case realtime.UnknownTruncation():
            return value.type
        case _:
            assert_never(value)


def every_dialect_is_an_attribute_of_the_package() -> list[str]:
    """`import realtime` gives access to every dialect."""
    frame = b'{"type":"x.y"}'
    events = (
        realtime.beta.decode_server(frame),
        realtime.live.decode_server(frame),
        realtime.translation.decode_server(frame),
    )
    return [event.type for event in events]


def constructors_are_checked() -> None:
    """Each line is an error for a type checker; mypy reports an `ignore` without an error."""
    realtime.ConversationItemTruncate(item_id="i")  # type: ignore[call-arg]
    realtime.ConversationItemDelete("i")  # type: ignore[call-arg]
    realtime.InputAudioBufferAppend(audio=5)  # type: ignore[arg-type]
    realtime.encode("x")  # type: ignore[arg-type]
    realtime.AudioFormat("pcm8", 8_000)  # type: ignore[arg-type]


def open_sets_take_any_string() -> realtime.RealtimeSession:
    """Values that a later protocol adds can be sent today."""
    return realtime.RealtimeSession(
        model="gpt-realtime-9",
        output_modalities=["smell"],
        audio=realtime.AudioConfig(output=realtime.AudioOutput(voice="cassandra")),
    )


def settings_of_every_dialect() -> list[object]:
    """A type checker sees every name that settings are built of in the module of their dialect."""
    voice: realtime.Maybe[str] = realtime.UNSET
    return [
        live.LiveSession(
            model="gpt-live-1",
            audio=live.LiveAudio(
                format=live.PcmFormat(rate=16_000),
                output=live.LiveAudioOutput(voice=live.CustomVoice(id="v")),
            ),
            delegation=live.ResponsesDelegation(
                responses=live.ResponsesConfig(
                    model="gpt-5",
                    tools=[
                        live.FunctionTool(name="f"),
                        realtime.FunctionTool(name="g"),
                        live.WebSearchTool(),
                    ],
                    tool_choice=live.ToolChoiceFunction(name="f"),
                )
            ),
            input=[live.Message(role="user", content=[live.InputText(text="x")])],
            instructions=live.UNSET,
        ),
        beta.RealtimeSessionConfig(
            voice=voice,
            input_audio_noise_reduction=beta.NoiseReduction(type="near_field"),
            tools=[beta.FunctionTool(name="f"), beta.McpTool(server_label="s")],
            tool_choice=beta.UNSET,
        ),
        translation.TranslationSession(
            audio=translation.TranslationAudio(
                input=translation.TranslationInput(
                    noise_reduction=translation.NoiseReduction(), transcription=translation.UNSET
                )
            )
        ),
    ]


def read_only_members_are_optional(info: realtime.RealtimeSessionInfo, old: beta.RealtimeSessionInfo) -> str:
    """Members that only servers send are `T | None`, without UNSET."""
    ids: list[str | None] = [info.id, old.id]
    expiries: list[int | None] = [info.expires_at, old.expires_at]
    secret: beta.ClientSecret | None = old.client_secret
    return f"{ids} {expiries} {secret}"


def formats_are_checked() -> None:
    """Each line is an error for a type checker, and at run time; the first of each pair is not."""
    realtime.create_session_config(format="mulaw")
    realtime.create_session_config(format="mulow")  # type: ignore[call-overload]


def providers_are_checked() -> None:
    """As `formats_are_checked`: settings of a server's own need a provider."""
    session: realtime.RealtimeSession = realtime.create_session_config(provider="xai", temperature=0.5)
    flat: beta.RealtimeSessionConfig = beta.create_session_config(provider="qwen", top_k=7)
    realtime.validate_session_config(session, provider="xai")
    beta.validate_session_config(flat, provider="qwen")
    realtime.create_session_config(temperature=0.5)  # type: ignore[call-overload]


def sample_rates_are_checked() -> None:
    """As `formats_are_checked`."""
    realtime.get_sample_rate("mulaw")
    realtime.get_sample_rate("mulow")  # type: ignore[arg-type]
