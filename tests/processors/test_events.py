"""The replayer reads what providers send, whole or broken; the assembler makes messages of events."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import transmissions
from processors.events import EventAssembler, EventReplayer
from transmissions import InvalidPipeline, Message, StageError, TransmissionsError
from transmissions.streams import EVENT_TYPES, InvalidEvent, event_from_message

ROOT = Path(__file__).parents[2]
NOON = "2024-01-01T12:00:00Z"


def sent(*objects: Any, end: str = "\n") -> str:
    """Return objects as a server would send them; a text stands for itself."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in objects]
    return "".join(f"data: {text}{end}{end}" for text in texts)


def replay(stream: str | bytes, **settings: Any) -> tuple[list[Message], EventReplayer]:
    """Return the events of a stream as messages, without their time, and the replayer with its reports."""
    replayer = EventReplayer(timestamp=NOON, **settings)
    replayer.start()
    messages = list(replayer.process({"content": stream, "session": 7}))
    for message in messages:
        event_from_message(message)
    return messages, replayer


def events(stream: str | bytes, **settings: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the types and data of a stream's events; nothing of it is lost or doubtful."""
    messages, replayer = replay(stream, **settings)
    assert replayer.problems == []
    return [(message["type"], message["data"]) for message in messages]


def assemble(messages: Iterable[Message], **settings: Any) -> list[Message]:
    """Return what an assembler makes of events."""
    assembler = EventAssembler(**settings)
    made = [one for message in messages for one in assembler.process(message)]
    return [*made, *assembler.finish()]


def event(kind: str, **data: Any) -> Message:
    """Return an event as a message."""
    return {"type": kind, "data": data, "timestamp": NOON}


def problems(replayer: EventReplayer) -> list[tuple[str, str]]:
    """Return what a replayer reported: how bad it is, and the text."""
    return [(problem["severity"], problem["text"]) for problem in replayer.problems]


# Streams of the providers.


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "model-a",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 1200, "output_tokens": 1},
    },
}
ANTHROPIC = [
    START,
    block(0, type="thinking", thinking="", signature=""),
    {"type": "ping"},
    delta(0, type="thinking_delta", thinking="Hm. "),
    delta(0, type="thinking_delta", thinking="Rome."),
    delta(0, type="signature_delta", signature="EqQ="),
    stop(0),
    block(1, type="text", text="", citations=None),
    delta(1, type="text_delta", text="It is "),
    delta(1, type="text_delta", text="sunny."),
    delta(1, type="citations_delta", citation={"cited_text": "sun"}),
    stop(1),
    block(2, type="tool_use", id="toolu_1", name="weather", input={}),
    delta(2, type="input_json_delta", partial_json=""),
    delta(2, type="input_json_delta", partial_json='{"city": "Ro'),
    delta(2, type="input_json_delta", partial_json='me", "n": 9007199254740993}'),
    stop(2),
    {
        "type": "message_delta",
        "delta": {"stop_reason": None},
        "usage": {"output_tokens": 11},
    },
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 42, "cache_creation_input_tokens": None},
    },
    {"type": "message_stop"},
]


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]
    named = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "model-o"}
    return {**named, "choices": choices, "usage": None, **more}


def call(index: int, **function: Any) -> dict[str, Any]:
    identity = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
    return {"tool_calls": [{"index": index, **identity, "function": function}]}


USAGE = {
    "prompt_tokens": 80,
    "completion_tokens": 4,
    "total_tokens": 84,
    "prompt_tokens_details": {"cached_tokens": 64},
}
CHAT: list[Any] = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Hm."}),
    chunk({"content": "It is "}),
    chunk({"content": "sunny."}),
    chunk(call(0, name="weather", arguments="")),
    chunk(call(0, arguments='{"city":')),
    chunk(call(1, name="time", arguments="{}")),
    chunk(call(0, arguments='"Rome"}')),
    chunk({}, "tool_calls"),
    chunk(usage=USAGE),
    "[DONE]",
]
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1767225600, "model": "model-r", "usage": None}
RESPONSES = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.in_progress", "response": {**RESPONSE, "status": "in_progress"}},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"id": "rs_1", "type": "reasoning", "summary": []},
    },
    {"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0, "part": {"text": ""}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."},
    {"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "Hm."},
    {"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning"}},
    {"type": "response.output_item.added", "output_index": 1, "item": {"id": "m", "type": "message", "content": []}},
    {
        "type": "response.content_part.added",
        "output_index": 1,
        "content_index": 0,
        "part": {"type": "output_text", "text": ""},
    },
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "It is "},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "sunny."},
    {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "It is sunny."},
    {"type": "response.content_part.done", "output_index": 1, "content_index": 0, "part": {"type": "output_text"}},
    {"type": "response.output_item.done", "output_index": 1, "item": {"id": "m", "type": "message"}},
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"id": "fc_1", "call_id": "call_1", "type": "function_call", "name": "weather", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city":'},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Rome"}'},
    {"type": "response.function_call_arguments.done", "output_index": 2, "arguments": '{"city":"Rome"}'},
    {
        "type": "response.output_item.done",
        "output_index": 2,
        "item": {
            "id": "fc_1",
            "call_id": "call_1",
            "type": "function_call",
            "name": "weather",
            "arguments": '{"city":"Rome"}',
        },
    },
    {
        "type": "response.completed",
        "response": {
            **RESPONSE,
            "status": "completed",
            "usage": {
                "input_tokens": 36,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 64},
                "total_tokens": 123,
            },
        },
    },
]


def test_anthropic() -> None:
    """Text, thinking and tools of Anthropic's stream become events; the tokens are those of the whole message."""
    assert events(sent(*ANTHROPIC)) == [
        ("MessageStart", {"message_id": "msg_1", "provider": "anthropic", "model": "model-a", "role": "assistant"}),
        ("ContentStart", {"index": 0, "block": "thinking"}),
        ("Thinking", {"thinking": "Hm. ", "index": 0}),
        ("Thinking", {"thinking": "Rome.", "index": 0}),
        ("ContentEnd", {"index": 0, "block": "thinking", "signature": "EqQ="}),
        ("ContentStart", {"index": 1, "block": "text"}),
        ("TextDelta", {"text": "It is ", "index": 1}),
        ("TextDelta", {"text": "sunny.", "index": 1}),
        ("ContentEnd", {"index": 1, "block": "text", "citations": [{"cited_text": "sun"}]}),
        ("ContentStart", {"index": 2, "block": "tool_use", "id": "toolu_1", "name": "weather"}),
        (
            "ContentEnd",
            {
                "index": 2,
                "block": "tool_use",
                "id": "toolu_1",
                "name": "weather",
                "input": {"city": "Rome", "n": 9007199254740993},
            },
        ),
        (
            "Usage",
            {"prompt_tokens": 25, "completion_tokens": 42, "total_tokens": 67, "cache_read_input_tokens": 1200},
        ),
        ("MessageStop", {"message_id": "msg_1", "stop_reason": "tool_use"}),
    ]


def test_anthropic_counts_the_prompt_anew() -> None:
    """Where the last delta counts the prompt again, as after a web search, that count holds."""
    last = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 90, "output_tokens": 5},
    }
    made = dict(events(sent(START, last, {"type": "message_stop"})))
    assert made["Usage"]["prompt_tokens"] == 90
    assert made["Usage"]["total_tokens"] == 95


def test_openai_chat() -> None:
    """Chunks become events: the blocks counted, tools side by side kept apart, the tokens before the stop."""
    messages, replayer = replay(sent(*CHAT))
    assert replayer.problems == []
    assert {message["timestamp"] for message in messages} == {"2026-01-01T00:00:00Z"}
    assert [(message["type"], message["data"]) for message in messages] == [
        ("MessageStart", {"message_id": "chatcmpl-1", "provider": "openai", "model": "model-o", "role": "assistant"}),
        ("ContentStart", {"index": 0, "block": "thinking"}),
        ("Thinking", {"thinking": "Hm.", "index": 0}),
        ("ContentEnd", {"index": 0, "block": "thinking"}),
        ("ContentStart", {"index": 1, "block": "text"}),
        ("TextDelta", {"text": "It is ", "index": 1}),
        ("TextDelta", {"text": "sunny.", "index": 1}),
        ("ContentEnd", {"index": 1, "block": "text"}),
        ("ContentStart", {"index": 2, "block": "tool_use", "id": "call_0", "name": "weather"}),
        ("ContentStart", {"index": 3, "block": "tool_use", "id": "call_1", "name": "time"}),
        (
            "ContentEnd",
            {"index": 2, "block": "tool_use", "id": "call_0", "name": "weather", "input": {"city": "Rome"}},
        ),
        ("ContentEnd", {"index": 3, "block": "tool_use", "id": "call_1", "name": "time", "input": {}}),
        ("Usage", USAGE),
        ("MessageStop", {"message_id": "chatcmpl-1", "stop_reason": "tool_calls"}),
    ]


def test_openai_responses() -> None:
    """The Responses API's items and parts become blocks; what it says twice is told once."""
    assert events(sent(*RESPONSES)) == [
        ("MessageStart", {"message_id": "resp_1", "provider": "openai", "model": "model-r", "role": "assistant"}),
        ("ContentStart", {"index": 0, "block": "thinking", "id": "rs_1"}),
        ("Thinking", {"thinking": "Hm.", "index": 0}),
        ("ContentEnd", {"index": 0, "block": "thinking", "id": "rs_1"}),
        ("ContentStart", {"index": 1, "block": "text"}),
        ("TextDelta", {"text": "It is ", "index": 1}),
        ("TextDelta", {"text": "sunny.", "index": 1}),
        ("ContentEnd", {"index": 1, "block": "text"}),
        ("ContentStart", {"index": 2, "block": "tool_use", "id": "call_1", "name": "weather"}),
        (
            "ContentEnd",
            {"index": 2, "block": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
        ),
        (
            "Usage",
            {
                "prompt_tokens": 36,
                "completion_tokens": 87,
                "total_tokens": 123,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 64},
            },
        ),
        ("MessageStop", {"message_id": "resp_1", "stop_reason": "completed"}),
    ]


def test_several_choices_are_messages_of_their_own() -> None:
    """Choices that come interleaved are told apart by `message_id`, and assembled each for itself."""
    stream = sent(
        chunk({"role": "assistant", "content": "a"}, index=0),
        chunk({"role": "assistant", "content": "x"}, index=1),
        chunk({"content": "b"}, index=0),
        chunk({"content": "y"}, index=1),
        chunk({}, "stop", index=1),
        chunk({}, "length", index=0),
        chunk(usage=USAGE),
        "[DONE]",
    )
    messages, replayer = replay(stream)
    assert replayer.problems == []
    first, second = assemble(messages)
    assert (first["message_id"], first["text"], first["stop_reason"]) == ("chatcmpl-1", "ab", "length")
    assert (second["message_id"], second["text"], second["choice"]) == ("chatcmpl-1#1", "xy", 1)
    assert first["usage"] == USAGE
    assert second["usage"] is None
    assert first["complete"] and second["complete"]


@pytest.mark.parametrize(
    ("given", "text", "facts"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            "Overloaded",
            {"error_type": "overloaded_error"},
        ),
        (
            {"error": {"message": "too long", "type": "invalid_request_error", "param": None, "code": "context"}},
            "too long",
            {"error_type": "invalid_request_error", "error_code": "context"},
        ),
        (
            {"type": "error", "code": "server_error", "message": "broken", "param": None, "sequence_number": 3},
            "broken",
            {"error_code": "server_error"},
        ),
        ({"error": "gone"}, "gone", {}),
        (
            {"type": "response.failed", "response": {"id": "r", "error": {"code": "rate_limit", "message": "slow"}}},
            "slow",
            {"code": "rate_limit"},
        ),
    ],
)
def test_errors_of_each_provider(given: dict[str, Any], text: str, facts: dict[str, Any]) -> None:
    """Each provider's way of telling an error becomes an Error; nothing is said to be missing after it."""
    made = events(sent(given))
    assert ("Error", {"error": text, **facts}) in made
    assert "MessageStop" not in dict(made)


def test_after_an_error_no_end_is_missed() -> None:
    """A message that an error ended is given out unfinished, with the tokens known so far, and without a warning."""
    messages, replayer = replay(sent(*ANTHROPIC[:9], {"type": "error", "error": {"message": "Overloaded"}}))
    assert replayer.problems == []
    (made,) = assemble(messages)
    assert (made["text"], made["error"], made["complete"], made["stop_reason"]) == ("It is ", "Overloaded", False, None)
    assert made["usage"]["prompt_tokens"] == 25


def test_several_messages_of_several_providers_in_one_stream() -> None:
    """One recording may hold any number of messages, whoever sent them."""
    messages, replayer = replay(sent(*CHAT, *ANTHROPIC, *RESPONSES, *ANTHROPIC))
    assert replayer.problems == []
    made = assemble(messages)
    assert [one["message_id"] for one in made] == ["chatcmpl-1", "msg_1", "resp_1", "msg_1"]
    assert {one["text"] for one in made} == {"It is sunny."}
    assert all(one["complete"] for one in made)
    assert replayer.report() == {"transcripts": 1, "messages": 4, "unknown": {}}


def test_a_provider_can_be_named() -> None:
    """With `:provider` set, objects of others are counted and told of once, not read."""
    messages, replayer = replay(sent(*CHAT, *ANTHROPIC), provider="anthropic")
    assert {message["data"].get("provider") for message in messages if message["type"] == "MessageStart"} == {
        "anthropic"
    }
    assert replayer.report()["unknown"] == {"an object without a type": len(CHAT) - 1}
    assert len(replayer.problems) == 1


# Server-sent events.

PLAIN = replay(sent(*ANTHROPIC))[0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("before", ["", "\ufeff", ": a comment\n", "id: 1\nretry: 5\n\n", "\n\n"])
def test_line_ends_byte_order_marks_and_comments(end: str, before: str) -> None:
    """Lines may end in CR, LF or both; a byte-order mark, comments and fields without data make no difference."""
    stream = before.replace("\n", end) + sent(*ANTHROPIC, end=end)
    messages, replayer = replay(stream)
    assert messages == PLAIN
    assert replayer.problems == []


def test_data_on_several_lines() -> None:
    """The `data` lines of an event are joined by line feeds; the space behind the colon may be missing."""
    objects = [json.dumps(one, indent=1) for one in ANTHROPIC]
    stream = "".join("event: x\n" + "".join(f"data:{line}\n" for line in one.splitlines()) + "\n" for one in objects)
    assert replay(stream)[0] == PLAIN


@given(st.lists(st.integers(0, 3000), max_size=30), st.sampled_from(["\n", "\r\n", "\r"]))
def test_where_a_file_is_cut_into_chunks_makes_no_difference(cuts: list[int], end: str) -> None:
    """However the bytes arrive, the events are the same: no chunk's border is seen."""
    from processors.transcripts.server_sent_events import split_events

    data = ("\ufeff: é\n" + sent(*CHAT)).replace("\n", end).encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[one:other] for one, other in pairwise(places)]
    found = list(split_events(chunks, 10_000))
    texts = [one if isinstance(one, str) else json.dumps(one) for one in CHAT]
    assert [one.data for one in found] == texts
    assert [data[one.start : one.end].partition(b"data: ")[2].decode() for one in found] == texts
    assert found == list(split_events([data], 10_000))


def test_names_that_nobody_knows_are_told_once_and_counted() -> None:
    """New kinds of objects, deltas and blocks cost nothing else; each name is reported once."""
    news = [{"type": "message_hello"}, {"type": "message_hello"}, delta(0, type="song_delta", song="la")]
    messages, replayer = replay(sent(START, block(0, type="song", key="C"), *news, stop(0), *ANTHROPIC[-2:]))
    assert [message["type"] for message in messages] == [
        "MessageStart", "ContentStart", "ContentEnd", "Usage", "MessageStop",
    ]  # fmt: skip
    assert messages[1]["data"] == {"index": 0, "block": "song", "key": "C"}
    assert [severity for severity, _ in problems(replayer)] == ["warning", "warning"]
    assert replayer.report()["unknown"] == {"message_hello": 2, "song_delta": 1}


# What is broken.


@pytest.mark.parametrize("cut", range(len(ANTHROPIC)))
def test_a_missing_object_costs_only_itself(cut: int) -> None:
    """Whatever object is missing or garbled, all others still make their events, and what is lost is told."""
    objects: list[Any] = [*ANTHROPIC]
    objects[cut] = '{"type": broken'
    messages, replayer = replay(sent(*objects))
    severity, text = problems(replayer)[0]
    assert severity == "error"
    assert text.endswith("the data of an event are not JSON: '{\"type\": broken'")
    assert replayer.problems[0]["bytes"][1] > replayer.problems[0]["bytes"][0]
    kept = [message["data"].get("text") for message in messages if message["type"] == "TextDelta"]
    assert len(kept) == (1 if cut in (8, 9) else 2)
    (made,) = assemble(messages)
    assert made["complete"] is (cut not in (0, len(ANTHROPIC) - 1))


def test_a_message_without_a_beginning() -> None:
    """A recording that begins in the middle gives its text; the message has no id and is not complete."""
    messages, replayer = replay(sent(*ANTHROPIC[7:]))
    assert problems(replayer)[0][0] == "warning"
    assert "a message without a beginning" in problems(replayer)[0][1]
    (made,) = assemble(messages)
    assert (made["message_id"], made["text"], made["complete"]) == (None, "It is sunny.", False)
    assert made["usage"]["completion_tokens"] == 42


@pytest.mark.parametrize(("objects", "kept"), [(ANTHROPIC, 9), (CHAT, 4), (RESPONSES, 11)], ids=["a", "c", "r"])
def test_a_stream_that_is_cut_between_events(objects: list[Any], kept: int) -> None:
    """A cut message is given out as far as it came, incomplete, and the cut is reported."""
    messages, replayer = replay(sent(*objects[:kept]))
    assert [text.partition(": ")[2] for _, text in problems(replayer)] == [
        f"message {messages[0]['data']['message_id']} has no end; it was cut off"
    ]
    (made,) = assemble(messages)
    assert made["text"].startswith("It is ")
    assert (made["complete"], made["stop_reason"]) == (False, None)


def test_a_stream_that_is_cut_inside_an_event() -> None:
    """What is there of a cut event cannot be used, and that is an error; what came before is kept."""
    text = sent(*ANTHROPIC[:9])
    messages, replayer = replay(text[:-20])
    assert problems(replayer)[0][0] == "error"
    assert "the stream ends inside an event" in problems(replayer)[0][1]
    assert [message["type"] for message in messages][-2:] == ["ContentStart", "Usage"]


@pytest.mark.parametrize("objects", [ANTHROPIC, CHAT, RESPONSES], ids=["a", "c", "r"])
def test_an_empty_line_that_an_editor_cut_off(objects: list[Any]) -> None:
    """The last event counts also without the empty line behind it, if it is whole."""
    text = sent(*objects)
    assert replay(text.rstrip())[0] == replay(text)[0]
    assert replay(text.rstrip())[1].problems == []


def test_input_of_a_tool_that_is_no_json() -> None:
    """What a tool was given is kept as text if it is no JSON, and that is reported."""
    objects = [START, block(0, type="tool_use", id="t", name="n", input={}), *ANTHROPIC[14:15], stop(0)]
    objects[2] = delta(0, type="input_json_delta", partial_json='{"city": NaN')
    messages, replayer = replay(sent(*objects, *ANTHROPIC[-2:]))
    assert messages[2]["data"] == {
        "index": 0, "block": "tool_use", "id": "t", "name": "n", "input_text": '{"city": NaN',
    }  # fmt: skip
    assert [
        "the input of block 0 of message msg_1 (tool_use) is not JSON" in text for _, text in problems(replayer)
    ] == [True]


def test_what_is_larger_than_the_limit() -> None:
    """An event, and a tool's input, above `:maxEventBytes` are left out and reported; all else goes on."""
    big = delta(0, type="text_delta", text="x" * 2000)
    pieces = [delta(1, type="input_json_delta", partial_json="[" + "1," * 150) for _ in range(5)]
    tool = [block(1, type="tool_use", id="t", name="n", input={}), *pieces, stop(1)]
    objects = [START, block(0, type="text", text=""), big, ANTHROPIC[8] | {"index": 0}, stop(0), *tool, *ANTHROPIC[-2:]]
    messages, replayer = replay(sent(*objects), max_event_bytes=1000)
    assert [text.partition(": ")[2][:40] for _, text in problems(replayer)] == [
        "an event has more than 1000 bytes (:maxE",
        "block 1 of message msg_1 (tool_use) hold",
    ]
    assert [message["type"] for message in messages] == [
        "MessageStart", "ContentStart", "TextDelta", "ContentEnd", "ContentStart", "ContentEnd", "Usage", "MessageStop",
    ]  # fmt: skip
    assert messages[5]["data"] == {"index": 1, "block": "tool_use", "id": "t", "name": "n"}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (block(-1, type="text", text=""), "index must be a whole number, 0 or more, got -1"),
        (delta([], type="text_delta", text="x"), r"index must be a whole number, 0 or more, got \[\]"),  # type: ignore[arg-type]
        (delta(1, type="text_delta", text=5), "TextDelta: text must be a text, got 5"),
        (chunk({"content": {"a": 1}}), "TextDelta: text must be a text, got an object"),
        (chunk({"content": "x"}, index=-1), "index must be a whole number, 0 or more, got -1"),
        ({"type": "response.output_text.delta", "delta": "x"}, "output_index must be a whole number"),
        ([1, 2], "the data of an event are no JSON object"),
    ],
)
def test_objects_of_a_wrong_shape(bad: Any, why: str) -> None:
    """An object that is not what its type says is reported with the reason, and those around it are read."""
    messages, replayer = replay(sent(*ANTHROPIC, bad, *ANTHROPIC))
    assert any(severity == "error" and re.search(why, text) for severity, text in problems(replayer))
    whole = [one for one in assemble(messages) if one["complete"]]
    assert [one["text"] for one in whole] == ["It is sunny."] * 2


def test_counts_that_are_none() -> None:
    """Counts of tokens that are none are reported and count as 0; a total that does not fit is kept beside."""
    usage = {"prompt_tokens": "many", "completion_tokens": 4, "total_tokens": 90}
    messages, replayer = replay(sent(*CHAT[:4], chunk({}, "stop"), chunk(usage=usage), "[DONE]"))
    made = {message["type"]: message["data"] for message in messages}
    assert made["Usage"] == {
        "prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4, "reported_total_tokens": 90,
    }  # fmt: skip
    assert "prompt_tokens of message chatcmpl-1 is no number of tokens" in problems(replayer)[0][1]


def test_bytes_and_characters_that_are_none() -> None:
    """Bytes that are no UTF-8 and half characters are replaced, and that is reported."""
    text = sent(*ANTHROPIC[:8], delta(1, type="text_delta", text="\ud83d!"), *ANTHROPIC[9:]).encode()
    messages, replayer = replay(text.replace(b"sunny", b"s\xffnny"))
    (made,) = assemble(messages)
    assert made["text"] == "\ufffd!s\ufffdnny."
    assert [severity for severity, _ in problems(replayer)] == ["warning", "warning"]


def test_what_is_no_stream() -> None:
    """A text that has no server-sent event in it is an error, not an empty result in silence."""
    _, replayer = replay('{"type": "message_start"}\n')
    assert [severity for severity, _ in problems(replayer)] == ["warning", "error"]
    assert "lines that are no part of a server-sent event, passed over: 1" in problems(replayer)[0][1]
    assert "there is no server-sent event in it" in problems(replayer)[1][1]


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def garbled(draw: st.DrawFn) -> list[Any]:
    """Return a provider's objects, some of them missing, twice, or with other values in them."""
    objects = [dict(one) for one in draw(st.sampled_from([ANTHROPIC, CHAT[:-1], RESPONSES]))]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(objects) - 1))
        match draw(st.sampled_from(["drop", "twice", "value", "inner"])):
            case "drop" if len(objects) > 1:
                del objects[place]
            case "twice":
                objects.insert(place, dict(objects[place]))
            case "inner":
                inner = [key for key, one in objects[place].items() if isinstance(one, dict) and one]
                if inner:
                    key = draw(st.sampled_from(inner))
                    changed = draw(st.sampled_from(sorted(objects[place][key])))
                    objects[place][key] = {**objects[place][key], changed: draw(wild)}
            case _:
                objects[place][draw(st.sampled_from(sorted(objects[place])))] = draw(wild)
    return objects


@given(garbled())
def test_no_stream_is_a_crash(objects: list[Any]) -> None:
    """Whatever a recording holds, replaying it makes valid events, and the assembler takes them all."""
    messages, _ = replay(sent(*objects))
    assemble(messages)


# Files and pipelines.


@pytest.mark.parametrize(("lines", "fits"), [(1000, True), (1001, False)])
def test_lines_without_a_value_take_room_as_well(lines: int, fits: bool) -> None:
    """An event of nothing but empty lines is as large as the line feeds between them, and memory is bounded by it."""
    text = "data: 5\n" + "data\n" * (lines - 1) + "\n"
    _, replayer = replay(text, max_event_bytes=1000)
    assert ["more than 1000 bytes" in text for _, text in problems(replayer)] == ([False] if fits else [True])


def test_memory_does_not_grow_with_lines_without_a_value(tmp_path: Path) -> None:
    """Of 300,000 such lines no more is held than of any other event that is too large."""
    (tmp_path / "empty.sse").write_text("data\n" * 300_000, encoding="utf-8")
    replayer = EventReplayer(source_file=[tmp_path / "empty.sse"], max_event_bytes=1000)
    replayer.start()
    tracemalloc.start()
    try:
        assert list(replayer.process({})) == []
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert "more than 1000 bytes" in problems(replayer)[0][1]


def test_a_field_is_counted_in_bytes() -> None:
    """The bytes of a transcript in a field are those of its text as UTF-8, as in a file."""
    text = sent({"type": "ping", "text": "é" * 100})
    text = text.replace("\\u00e9", "é")
    _, replayer = replay(text)
    assert replayer.bytes_done == len(text.encode()) > len(text)


def test_files_are_read_in_pieces(tmp_path: Path) -> None:
    """Transcripts are read file by file; what they hold, how far it is read, and how much there is are told."""
    for number in range(2):
        (tmp_path / f"{number}.sse").write_text(sent(*CHAT, *ANTHROPIC * 40), encoding="utf-8")
    replayer = EventReplayer(source_file=[tmp_path / "0.sse", tmp_path / "1.sse"])
    replayer.start()
    stream: Iterator[Message] = iter(replayer.process({}))
    next(stream)
    size = (tmp_path / "0.sse").stat().st_size
    assert replayer.bytes_done < size
    assert len(list(stream)) > 1000
    assert (replayer.bytes_done, replayer.bytes_total) == (2 * size, 2 * size)
    assert replayer.report() == {"transcripts": 2, "messages": 82, "unknown": {}}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of eight megabytes is replayed and assembled in less than one."""
    piece = delta(1, type="text_delta", text="x" * 1000)
    with (tmp_path / "long.sse").open("w", encoding="utf-8") as file:
        for _ in range(160):
            file.write(sent(*ANTHROPIC[:8], *[piece] * 50, *ANTHROPIC[10:]))
    assert (tmp_path / "long.sse").stat().st_size > 8 << 20
    replayer, assembler = EventReplayer(source_file=[tmp_path / "long.sse"]), EventAssembler()
    replayer.start()
    tracemalloc.start()
    try:
        sizes = [len(one["text"]) for message in replayer.process({}) for one in assembler.process(message)]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert sizes == [50_000] * 160


def test_files_and_fields_that_are_not_there(tmp_path: Path) -> None:
    """A missing file, field or text is an error that says what to do."""
    for settings, message, why in (
        ({"source_file": [tmp_path / "x.sse"]}, {}, "x.sse: there is no such file"),
        ({"source_file": [tmp_path]}, {}, "cannot be read: is a directory"),
        ({}, {"text": ""}, "the message has no field content; set :sourceFile"),
        ({"field": "a.b"}, {"a": {"b": 5}}, "the field a.b holds no text but int"),
    ):
        replayer = EventReplayer(**settings)
        replayer.start()
        with pytest.raises(TransmissionsError, match=why):
            list(replayer.process(message))
    with pytest.raises(TransmissionsError, match=r":timestamp must be a time with a zone, .* got '2024-01-01'"):
        EventReplayer(timestamp="2024-01-01").start()


def test_fields_are_carried_along() -> None:
    """With `:carry`, each event has fields of the message it came from, and the assembled message has them, too."""
    messages, _ = replay(sent(*CHAT), carry=["session"])
    assert {message["session"] for message in messages} == {7}
    assert [one["session"] for one in assemble(messages)] == [7]


def test_a_pipeline_knows_which_fields_there_are(tmp_path: Path) -> None:
    """A replayer without a file says that it reads its field; with one it needs none; an assembler needs events."""
    front = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
    file = tmp_path / "p.ttl"
    for turtle, warned in (
        (":p a :Transmission ; :pipe (:r) . :r a :EventReplayer .", ["content"]),
        (':p a :Transmission ; :pipe (:r) . :r a :EventReplayer ; :settings [ :sourceFile "a" ] .', []),
        (":p a :Transmission ; :pipe (:a) . :a a :EventAssembler .", ["data"]),
    ):
        file.write_text(front + turtle, encoding="utf-8")
        told = [re.findall('"(.*?)"', str(problem.message)) for problem in transmissions.load(file).warnings]
        assert [name for (name,) in told] == warned
    file.write_text(front + ':p a :Transmission ; :pipe (:r) . :r a :EventReplayer ; :settings [ :provider "x" ] .')
    with pytest.raises(InvalidPipeline, match='must be one of "auto", "anthropic", "openai"'):
        transmissions.load(file)


def test_the_pipeline_that_ships(tmp_path: Path) -> None:
    """`assemble-stream` makes a message of each answer in the example, and the run is complete."""
    source = ROOT / "pipelines" / "examples" / "provider-stream.sse"
    pipeline = transmissions.load("assemble-stream")
    first, second = pipeline.stream(source=source, target=tmp_path)
    assert first == {
        "provider": "anthropic",
        "model": "claude-example",
        "role": "assistant",
        "message_id": "msg_01",
        "text": "I look up the weather in Rome.",
        "thinking": "",
        "usage": {
            "prompt_tokens": 25,
            "completion_tokens": 42,
            "total_tokens": 67,
            "cache_read_input_tokens": 1200,
        },
        "stop_reason": "tool_use",
        "error": None,
        "complete": True,
        "content": [
            {"type": "text", "text": "I look up the weather in Rome."},
            {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Rome"}},
        ],
    }
    assert (second["text"], second["usage"]["total_tokens"], second["complete"]) == ("It is sunny.", 84, True)
    assert pipeline.run(source=source, target=tmp_path).status == "complete"
    assert list(pipeline.stream(source=source, provider="openai", target=tmp_path)) == [second]


def test_the_pipeline_of_the_page(tmp_path: Path) -> None:
    """The Turtle of docs/events.md runs, and its events have the time that it sets."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    (turtle,) = re.findall(r"^```turtle\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "page.ttl").write_text(turtle, encoding="utf-8")
    (tmp_path / "a.sse").write_text(sent(*ANTHROPIC), encoding="utf-8")
    (made,) = transmissions.load(tmp_path / "page.ttl").stream(source=tmp_path / "a.sse", target=tmp_path)
    assert made["text"] == "It is sunny."


def test_a_run_with_broken_pieces_is_partial(tmp_path: Path) -> None:
    """What was lost is in the result, with file and bytes."""
    (tmp_path / "a.sse").write_text(sent(ANTHROPIC[0], "{", *ANTHROPIC[1:]), encoding="utf-8")
    result = transmissions.load("assemble-stream").run(source=tmp_path / "a.sse", target=tmp_path)
    (problem,) = result.problems
    start = len(sent(ANTHROPIC[0]))
    assert (problem["file"], problem["bytes"]) == (str(tmp_path / "a.sse"), [start, start + len("data: {")])


# Assembling.


def test_events_of_a_go_program() -> None:
    """Bare events, as the Go package's README sends them, are put together; usage may be missing."""
    given = [
        event("MessageStart", message_id="m"),
        event("ContentStart", index=0),
        event("Thinking", thinking="Hm."),
        event("TextDelta", text="The "),
        event("TextDelta", text="answer"),
        event("ContentEnd", index=0),
        event("Usage", prompt_tokens=10, completion_tokens=4, total_tokens=14),
        event("MessageStop", message_id="m", stop_reason="end_turn"),
    ]
    assert assemble(given) == [
        {
            "message_id": "m",
            "text": "The answer",
            "thinking": "Hm.",
            "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
            "stop_reason": "end_turn",
            "error": None,
            "complete": True,
        }
    ]


def test_a_message_goes_on_as_soon_as_it_stops() -> None:
    """No message waits for the next one."""
    assembler = EventAssembler()
    assert list(assembler.process(event("MessageStart", message_id="m"))) == []
    assert len(list(assembler.process(event("MessageStop", message_id="m", stop_reason="")))) == 1
    assert list(assembler.finish()) == []


def test_what_never_stops_is_given_out_unfinished() -> None:
    """A message that another one cuts off, or the end of the stream, goes on with `complete` false."""
    made = assemble(
        [
            event("MessageStart", message_id="a"),
            event("TextDelta", text="x"),
            event("MessageStart", message_id="b"),
            event("TextDelta", text="y"),
        ]
    )
    assert [(one["message_id"], one["text"], one["complete"]) for one in made] == [("a", "x", False), ("b", "y", False)]


def test_a_stop_without_a_start() -> None:
    """Pieces before any message make one without a beginning: the stop tells its id, but it is not complete."""
    made = assemble([event("TextDelta", text="x"), event("MessageStop", message_id="m", stop_reason="stop")])
    assert [(one["message_id"], one["text"], one["complete"]) for one in made] == [("m", "x", False)]


def test_a_stop_of_another_message_is_an_error() -> None:
    """A stop that names another message than the one that is open is refused, and says so."""
    given = [event("MessageStart", message_id="a"), event("MessageStop", message_id="b", stop_reason="")]
    with pytest.raises(InvalidEvent, match="message_id must be that of the message that is open, 'a', got 'b'"):
        assemble(given)


def test_an_error_makes_a_message_incomplete() -> None:
    """Errors stand in the message, all of them, and it is not complete even if it stops."""
    made = assemble(
        [
            event("MessageStart", message_id="m"),
            event("Error", error="slow"),
            event("Error", error="gone"),
            event("MessageStop", message_id="m", stop_reason="x"),
        ]
    )
    assert [(one["error"], one["complete"]) for one in made] == [("slow\ngone", False)]


def test_what_a_message_has_beyond_the_limit() -> None:
    """Text above `:maxMessageBytes` is left out, reported once, and the message is not complete."""
    assembler = EventAssembler(max_message_bytes=10)
    given = [event("MessageStart", message_id="m"), *[event("TextDelta", text="1234") for _ in range(5)]]
    assert [one for message in given for one in assembler.process(message)] == []
    (made,) = assembler.process(event("MessageStop", message_id="m", stop_reason=""))
    assert (made["text"], made["complete"]) == ("12341234", False)
    assert ["has more than 10 bytes" in problem["text"] for problem in assembler.problems] == [True]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"text": "x"}, "an event must have the field type; this one has 'text'"),
        (event("TextDelta", txt="x"), "TextDelta: text is missing, a text; did you mean it by 'txt'"),
        (event("Text", text="x"), "type must be that of an event, got the text 'Text'"),
    ],
)
def test_a_message_that_is_no_event_names_what_is_wrong(tmp_path: Path, given: Message, why: str) -> None:
    """The stage's error tells which key is wrong and what would be right."""
    file = tmp_path / "p.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:a) . :a a :EventAssembler ."
    )
    with pytest.raises(StageError, match=re.escape(f"stage :a failed in process: {why}")):
        list(transmissions.load(file).stream(messages=given, target=tmp_path))


@given(st.sampled_from([ANTHROPIC, CHAT, RESPONSES]), st.integers(0, 20))
def test_assembled_text_is_what_the_events_say(objects: list[Any], kept: int) -> None:
    """Wherever a stream is cut, the text and thinking put together are all pieces in their order."""
    messages, _ = replay(sent(*objects[:kept]) + ": end\n\n")
    made = assemble(messages)
    for kind, key in (("TextDelta", "text"), ("Thinking", "thinking")):
        pieces = [message["data"][key] for message in messages if message["type"] == kind]
        assert "".join(one[key] for one in made) == "".join(pieces)
    assert {message["type"] for message in messages} <= set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        (b"\x1f\x8b\x08\x00rest", "it is compressed with gzip: `gunzip` it first"),
        ("data: {}\n".encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        (b'  \n{"id": 1}\n', "it looks like JSON: "),
        (b"<!doctype html>", "it looks like HTML or XML: "),
        (b"", "it is empty"),
    ],
)
def test_what_a_file_seems_to_be_instead(content: bytes, guess: str) -> None:
    """Of a file that is no recorded stream it is told what it looks like and what to do."""
    _, replayer = replay(content)
    assert f"there is no server-sent event in it; {guess}" in problems(replayer)[-1][1]
