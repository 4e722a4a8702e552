"""Events of language models: what is one, that nobody can change it, and that its JSON is Go's, both ways."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.streams import (
    EVENT_TYPES,
    ContentEnd,
    ContentStart,
    Error,
    Event,
    EventStream,
    InvalidEvent,
    MessageStart,
    MessageStop,
    TextDelta,
    Thinking,
    Usage,
    decode_event,
    encode_event,
    event_from_message,
    tee,
)

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
GO_LINES = (Path(__file__).parent / "go-events.jsonl").read_bytes().splitlines()
ONE_OF_EACH = (
    TextDelta("Hello", timestamp=NOON),
    ContentStart(0, timestamp=NOON),
    ContentEnd(0, timestamp=NOON),
    MessageStart("msg_123", timestamp=NOON),
    MessageStop("msg_123", "end_turn", timestamp=NOON),
    Error("Connection timeout", timestamp=NOON),
    Usage(100, 50, 150, timestamp=NOON),
    Thinking("Let me see", timestamp=NOON),
)


def line(data: str, kind: str = "TextDelta", timestamp: str = "2024-01-01T12:00:00Z") -> str:
    """Return an event as JSON text."""
    return f'{{"type":"{kind}","data":{data},"timestamp":"{timestamp}"}}'


# What the Go package's own tests assert.


def test_the_types_are_the_eight_of_the_go_package() -> None:
    """There are eight types, and their names are those of the Go package."""
    names = "TextDelta ContentStart ContentEnd MessageStart MessageStop Error Usage Thinking"
    assert list(EVENT_TYPES) == names.split()
    assert [type(event) for event in ONE_OF_EACH] == list(EVENT_TYPES.values())


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.type)
def test_a_name_of_a_type_goes_there_and_back(event: Event) -> None:
    """The name in the JSON is the type's, and leads back to its class."""
    assert json.loads(encode_event(event))["type"] == event.type
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize(
    ("name", "hint"), [("textdelta", "TextDelta"), ("TextDelt", "TextDelta"), ("Unknown", "there are TextDelta")]
)
def test_an_unknown_type_is_an_error_with_a_guess(name: str, hint: str) -> None:
    """Names of types are exact, and an error says which was meant, or which there are."""
    with pytest.raises(InvalidEvent, match=f"got the text '{name}'; .*{hint}"):
        decode_event(line('{"text":""}', name))


def test_json_has_type_data_and_timestamp_in_that_order() -> None:
    """The text is the one that the Go package writes for the same event."""
    made = Usage(100, 50, 150, timestamp=datetime(2026, 11, 21, 4, 40, 2, 606_210, UTC), nanoseconds=784)
    assert encode_event(made) == (
        '{"type":"Usage","data":{"completion_tokens":50,"prompt_tokens":100,"total_tokens":150},'
        '"timestamp":"2026-11-21T04:40:02.606210784Z"}'
    )


def test_data_that_are_no_object_are_an_error() -> None:
    """A text in the place of the data is refused, as in Go."""
    with pytest.raises(InvalidEvent, match="TextDelta: data must be an object, got the text 'x'"):
        decode_event(line('"x"'))


def test_a_new_event_has_the_present_for_its_time() -> None:
    """Without a timestamp an event happened now, in UTC."""
    before = datetime.now(UTC)
    assert before <= TextDelta("x").timestamp <= datetime.now(UTC)
    assert TextDelta("x").timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (ONE_OF_EACH[0], {"text": "Hello"}),
        (ONE_OF_EACH[1], {"index": 0}),
        (ONE_OF_EACH[2], {"index": 0}),
        (ONE_OF_EACH[3], {"message_id": "msg_123"}),
        (ONE_OF_EACH[4], {"message_id": "msg_123", "stop_reason": "end_turn"}),
        (ONE_OF_EACH[5], {"error": "Connection timeout"}),
        (ONE_OF_EACH[6], {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}),
        (ONE_OF_EACH[7], {"thinking": "Let me see"}),
    ],
    ids=lambda one: getattr(one, "type", ""),
)
def test_each_type_has_the_keys_of_the_go_constructors(event: Event, data: dict[str, Any]) -> None:
    """What a type is made of stands in its data, under the Go package's keys."""
    assert event.data == data
    assert event.as_message() == {"type": event.type, "data": data, "timestamp": "2024-01-01T12:00:00Z"}


def test_an_invalid_event_is_an_error_of_its_own_kind_and_says_why() -> None:
    """It can be caught as InvalidEvent or ValueError, and its text holds the reason."""
    with pytest.raises(ValueError, match="index must be a whole number, 0 or more, got -1") as caught:
        ContentStart(-1)
    assert type(caught.value) is InvalidEvent


# Weaknesses of the Go package that are none here.

WRONG: list[tuple[str, Mapping[str, Any], str]] = [
    ("TextDelta", {"text": 5}, "text must be a text, got 5"),
    ("TextDelta", {"text": None}, "text must be a text, got null"),
    ("TextDelta", {"text": "\ud83d"}, r"text must be whole characters, got half of one .*'\\ud83d'\) at position 0"),
    ("ContentStart", {"index": True}, "index must be a whole number, 0 or more, got true"),
    ("ContentStart", {"index": 1.0}, "index must be a whole number, 0 or more, got 1.0"),
    ("ContentEnd", {"index": "0"}, "index must be a whole number, 0 or more, got the text '0'"),
    ("ContentEnd", {"index": 10**4000}, "index must be a number of at most 4000 digits, got a number of 13288 bits"),
    ("MessageStart", {"message_id": ""}, "message_id must be a text that is not empty, got the text ''"),
    ("MessageStop", {"message_id": "m", "stop_reason": None}, "stop_reason must be a text, got null"),
    ("Error", {"error": {"message": "x"}}, "error must be a text, got an object"),
    ("Thinking", {"thinking": ["x"]}, "thinking must be a text, got a list"),
    (
        "Usage",
        {"prompt_tokens": -1, "completion_tokens": 2, "total_tokens": 1},
        "prompt_tokens must be a whole number, 0 or more, got -1",
    ),
    (
        "Usage",
        {"prompt_tokens": 1, "completion_tokens": False, "total_tokens": 1},
        "completion_tokens must be a whole number, 0 or more, got false",
    ),
    (
        "Usage",
        {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 151},
        "total_tokens must be 150, the sum of prompt_tokens and completion_tokens, got 151",
    ),
]


@pytest.mark.parametrize(("kind", "data", "expected"), WRONG)
def test_weakness_no_validation_by_type(kind: str, data: dict[str, Any], expected: str) -> None:
    """Made or read, an event whose data do not fit its type is refused, with key, value and what is right."""
    with pytest.raises(InvalidEvent, match=f"^{kind}: {expected}"):
        EVENT_TYPES[kind](**data)
    with pytest.raises(InvalidEvent, match=f"^{kind}: {expected}"):
        decode_event({"type": kind, "data": data, "timestamp": "2024-01-01T12:00:00Z"})


def test_weakness_empty_data_and_missing_keys() -> None:
    """Every key of the type has to be there; a key that is nearly the one is guessed."""
    with pytest.raises(InvalidEvent, match=r"Usage: prompt_tokens is missing, .*; its data has nothing"):
        decode_event(line("{}", "Usage"))
    with pytest.raises(InvalidEvent, match=r"MessageStart: message_id is missing, .* did you mean it by 'messageId'"):
        decode_event(line('{"messageId":"m"}', "MessageStart"))


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (datetime(2024, 1, 1), "timestamp must be a datetime with a time zone, got a datetime without one"),
        ("2024-01-01T12:00:00Z", "timestamp must be a datetime with a time zone, got the text"),
        (datetime(1, 1, 1, tzinfo=UTC), "timestamp must be a moment; 0001-01-01T00:00:00Z is what Go writes"),
        (datetime(1, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "timestamp must be a moment"),
        (datetime(1880, 1, 1, tzinfo=ZoneInfo("Europe/Rome")), "offset of whole minutes, got 0:49:56; give it in UTC"),
    ],
)
def test_weakness_marshal_never_validates(timestamp: Any, expected: str) -> None:
    """Nothing that could not be read back is ever made, so nothing such is written."""
    with pytest.raises(InvalidEvent, match=expected):
        TextDelta("x", timestamp=timestamp)
    with pytest.raises(TypeError, match="Event is no type of event; there are TextDelta"):
        Event()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "an event must have the field type; this one has nothing"),
        ('{"type":"Error","timestamp":"2024-01-01T12:00:00Z"}', "must have the field data; this one has 'type'"),
        ('{"type":"Error","data":{"error":""}}', "must have the field timestamp"),
        ('{"type":"Error","data":null,"timestamp":"2024-01-01T12:00:00Z"}', "Error: data must be an object, got null"),
        ('{"type":0,"data":{},"timestamp":""}', "type must be that of an event, got 0"),
        (line('{"text":""}', timestamp=""), "timestamp must be an RFC 3339 time such as .*, got the text ''"),
        ('{"type":"Error","data":{"error":""},"timestamp":0}', "timestamp must be an RFC 3339 time .*, got 0"),
        ("[]", "an event must be an object with type, data and timestamp, got a list"),
        ("{", "an event must be JSON: .*line 1 column 2"),
        ("", "an event must be JSON: .*line 1 column 1"),
        (line('{"text":"\n"}'), "an event must be JSON: invalid control character"),
    ],
)
def test_weakness_unmarshal_never_validates(text: str, expected: str) -> None:
    """What is not a whole event is refused when it is read, not when somebody uses it."""
    with pytest.raises(InvalidEvent, match=expected):
        decode_event(text)


def test_weakness_whole_numbers_above_2_to_the_53() -> None:
    """Whole numbers of any size are exact, read and written."""
    large = 10**3999 + 1
    made = Usage(2**53 + 1, large, 2**53 + 1 + large, extra={"deep": [{"n": -(2**64) - 1}]}, timestamp=NOON)
    read = decode_event(encode_event(made))
    assert read == made
    assert read.data["prompt_tokens"] == 9007199254740993
    assert read.extra["deep"][0]["n"] == -18446744073709551617


def test_weakness_unknown_fields_are_ignored() -> None:
    """A key that a type does not know is kept in its data; a field beside the three is an error, not forgotten."""
    read = decode_event(line('{"text":"a","logprob":-0.5,"more":{"x":[1,null]}}'))
    assert read.data == {"text": "a", "logprob": -0.5, "more": {"x": [1, None]}}
    assert encode_event(read) == line('{"logprob":-0.5,"more":{"x":[1,null]},"text":"a"}')
    with pytest.raises(InvalidEvent, match="an event has no field 'timestmp'; did you mean timestamp"):
        decode_event('{"type":"Error","data":{"error":""},"timestmp":""}')
    beside = {"type": "Error", "data": {"error": ""}, "timestamp": "2024-01-01T12:00:00Z", "session": 7}
    assert event_from_message(beside) == Error("", timestamp=NOON)


def test_weakness_constructors_take_no_clock() -> None:
    """A clock can be given, and is asked only where no timestamp is."""
    assert TextDelta("x", clock=lambda: NOON).timestamp == NOON
    assert TextDelta("x", timestamp=NOON, clock=lambda: datetime.now(UTC)).timestamp == NOON


def test_weakness_changeable_events_are_shared() -> None:
    """No receiver can change what another one sees, nor can who made the event."""
    given_extra = {"tags": ["a"], "more": {"x": 1}}
    event = TextDelta("x", extra=given_extra)
    stream: EventStream = EventStream(10)
    readers = tee(stream, 2)
    stream.send(event)
    stream.close()
    first, second = (next(iter(reader)) for reader in readers)
    given_extra["tags"].append("b")  # type: ignore[attr-defined]
    first.data["more"]["x"] = 2
    with pytest.raises(TypeError):
        first.extra["more"]["x"] = 2
    with pytest.raises(AttributeError):
        first.extra["tags"].append("c")
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.text = "y"
    assert second.data == {"text": "x", "tags": ["a"], "more": {"x": 1}}


# Values.


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"a": float("nan")}, r"extra.a must be a finite number, since JSON has no other, got nan"),
        ({"a": [1, float("-inf")]}, r"extra.a.1 must be a finite number"),
        ({"a": {1: 2}}, r"extra.a must have texts for keys, got 1"),
        ({"a": {1, 2}}, r"extra.a must be a value that JSON has, got a set"),
        ({"a": NOON}, r"extra.a must be a value that JSON has, got a datetime"),
        ({"a": b"x"}, r"extra.a must be a value that JSON has, got a bytes"),
        ({"\ud800": 1}, r"a key of TextDelta: extra must be whole characters"),
        ({"text": "y"}, r"extra must hold other keys than the type's own, got text"),
        ([1], r"extra must be an object, got a list"),
    ],
)
def test_extra_keys_hold_only_what_json_can(extra: Any, expected: str) -> None:
    """What could not be written, or not be told from the type's own data, is refused when the event is made."""
    with pytest.raises(InvalidEvent, match=expected):
        TextDelta("x", extra=extra)


def test_depth_is_bounded() -> None:
    """An event is nested at most 100 deep, made or read, and no depth is a crash."""
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    event = TextDelta("x", extra={"a": deep}, timestamp=NOON)
    assert decode_event(encode_event(event)) == event
    for text in ("[" * 101 + "]" * 101, "[" * 100_000):
        with pytest.raises(InvalidEvent, match="nested at most 100 deep"):
            decode_event(line('{"text":"","a":' + text + "}"))


@pytest.mark.parametrize("nanoseconds", [-1, 1000, True, 0.5])
def test_nanoseconds_are_those_beyond_the_microsecond(nanoseconds: Any) -> None:
    """They are a whole number from 0 to 999."""
    with pytest.raises(InvalidEvent, match="nanoseconds must be a whole number from 0 to 999"):
        TextDelta("x", nanoseconds=nanoseconds)


def test_an_event_can_be_hashed_copied_and_pickled() -> None:
    """Events are values: equal ones have one hash, and a copy over a process border is equal."""
    event = Usage(1, 2, 3, extra={"a": [{"b": 1.5}]}, timestamp=NOON, nanoseconds=7)
    for other in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):
        assert other == event
        assert hash(other) == hash(event)
        assert repr(other) == repr(event)
    assert event != Usage(1, 2, 3, timestamp=NOON, nanoseconds=7)
    assert repr(event).startswith("Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3, extra={'a'")


def test_a_zone_whose_clocks_go_back_does_not_blur_the_moment() -> None:
    """The second of two equal hours of the night keeps its offset, so an event equals the one read back."""
    moment = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Rome"), fold=1)
    event = TextDelta("x", timestamp=moment)
    assert event.as_message()["timestamp"] == "2024-10-27T02:30:00+01:00"
    assert decode_event(encode_event(event)) == event


# JSON.


@pytest.mark.parametrize("written", GO_LINES, ids=range(len(GO_LINES)))
def test_what_go_writes_is_read_and_written_to_the_byte(written: bytes) -> None:
    """Lines that Go wrote (nanoseconds, offsets, 2**53+1, sorted keys, escapes, floats) come back as they were."""
    event = decode_event(written)
    assert encode_event(event).encode() == written
    assert event_from_message(event.as_message()) == event


def test_keys_are_sorted_by_their_bytes() -> None:
    """Keys stand in the order of their UTF-8, which is not that of UTF-16."""
    extra = {"😀": 1, "\uffff": 2, "é": 3, "z": 4, "A": 5, "": 6}
    text = encode_event(TextDelta("x", extra=extra, timestamp=NOON))
    assert re.findall(r'"([^"]*)":\d', text) == ["", "A", "z", "é", "\uffff", "😀"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100"),
        (-0.0, "-0"),
        (1e20, "100000000000000000000"),
        (-1e21, "-1e+21"),
        (1e-6, "0.000001"),
        (-1.25e-5, "-0.0000125"),
        (9.9e-7, "9.9e-7"),
        (1e-10, "1e-10"),
        (1.2345678901234568e20, "123456789012345683968"),
    ],
)
def test_floats_have_the_form_that_go_gives_them(value: float, text: str) -> None:
    """A float has the fewest digits, and an exponent where Go has one; only large whole ones have all digits."""
    event = TextDelta("", extra={"f": value}, timestamp=NOON)
    assert encode_event(event) == line(f'{{"f":{text},"text":""}}')
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line('{"text":"a","text":"b"}'), "a key must stand once in an object, and 'text' stands there twice"),
        (line('{"text":"a","x":{"y":1,"y":1}}'), "'y' stands there twice"),
        ('{"type":"Error",' + line('{"error":""}', "Error")[1:], "'type' stands there twice"),
        (line('{"text":"","x":NaN}'), "JSON, which has no NaN"),
        (line('{"text":"","x":-Infinity}'), "JSON, which has no -Infinity"),
        (line('{"text":"","x":1e400}'), "must not be larger than a float can be, got 1e400"),
        (line('{"text":"","x":' + "1" * 4001 + "}"), "must have at most 4000 digits, got one of 4001"),
        (line('{"text":"\\ud83d"}'), "text must be whole characters"),
        (line('{"text":"caf\xe9"}').encode("latin-1"), "an event must be UTF-8; byte 39 is 0xe9"),
    ],
)
def test_what_would_change_in_silence_is_refused(text: str | bytes, expected: str) -> None:
    """Where Go takes the last of two keys or puts � for half a character, reading is an error that says so."""
    with pytest.raises(InvalidEvent, match=expected):
        decode_event(text)


READ_TIMES = {
    "2024-01-01T12:00:00Z": "2024-01-01T12:00:00Z",
    "2024-01-01T12:00:00-00:00": "2024-01-01T12:00:00Z",
    "2024-01-01T12:00:00.100+00:00": "2024-01-01T12:00:00.1Z",
    "2024-01-01T12:00:00.000000000+02:00": "2024-01-01T12:00:00+02:00",
    "2024-01-01T12:00:00.1234567899999-23:59": "2024-01-01T12:00:00.123456789-23:59",
    "2024-01-01T12:00:00.0000000009Z": "2024-01-01T12:00:00Z",
    "0001-01-01T00:00:00.000000001Z": "0001-01-01T00:00:00.000000001Z",
    "9999-12-31T23:59:59.999999999-02:00": "9999-12-31T23:59:59.999999999-02:00",
}


@pytest.mark.parametrize(("text", "written"), READ_TIMES.items())
def test_times_that_are_read(text: str, written: str) -> None:
    """RFC 3339 is read to the nanosecond, and written in Go's shortest form."""
    assert decode_event(line('{"text":""}', timestamp=text)).as_message()["timestamp"] == written


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01t12:00:00z",
        "2024-01-01 12:00:00Z",
        "2024-01-01T12:00:60Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T12:00:00",
        "2024-01-01T12:00Z",
        "2024-01-01T12:00:00.Z",
        "2024-01-01T12:00:00,5Z",
        "2024-01-01T1:00:00Z",
        "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00+12:60",
        "2024-01-01T12:00:00+0200",
        "2024-01-01T12:00:00+02:00:30",
        "2023-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        " 2024-01-01T12:00:00Z",
        "2024-01-01T12:00:00Z\n",
        "٢٠٢٤-01-01T12:00:00Z",
    ],
)
def test_times_that_are_refused(text: str) -> None:
    """What is no time as Go writes it is refused: small letters, leap seconds, offsets of a day, the year 0."""
    with pytest.raises(InvalidEvent, match="timestamp must be"):
        decode_event({"type": "TextDelta", "data": {"text": ""}, "timestamp": text})


# Any event.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=offsets)
counts = st.integers(0, 2**70)
own_data = {
    TextDelta: st.fixed_dictionaries({"text": texts}),
    ContentStart: st.fixed_dictionaries({"index": counts}),
    ContentEnd: st.fixed_dictionaries({"index": counts}),
    MessageStart: st.fixed_dictionaries({"message_id": texts.filter(bool)}),
    MessageStop: st.fixed_dictionaries({"message_id": texts.filter(bool), "stop_reason": texts}),
    Error: st.fixed_dictionaries({"error": texts}),
    Usage: st.tuples(counts, counts).map(
        lambda two: {"prompt_tokens": two[0], "completion_tokens": two[1], "total_tokens": sum(two)}
    ),
    Thinking: st.fixed_dictionaries({"thinking": texts}),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Return any event there can be."""
    cls = draw(st.sampled_from(list(EVENT_TYPES.values())))
    extra = draw(st.dictionaries(texts, values, max_size=4))
    extra = {key: value for key, value in extra.items() if key not in cls.keys}
    about = {"timestamp": draw(moments), "nanoseconds": draw(st.integers(0, 999)), "extra": extra}
    return cls(**draw(own_data[cls]), **about)


@given(events())
def test_every_event_is_read_back_equal(event: Event) -> None:
    """Written and read, as text, as bytes or as a message, an event is the same; written again, to the byte."""
    text = encode_event(event)
    assert decode_event(text) == event
    assert decode_event(text.encode()) == event
    assert event_from_message(json.loads(json.dumps(event.as_message()))) == event
    assert encode_event(decode_event(text)) == text
    assert decode_event(text).timestamp.utcoffset() == event.timestamp.utcoffset()


@given(events())
def test_any_json_reader_sees_the_same_data(event: Event) -> None:
    """The text is JSON, in one line, and what a reader without knowledge of events finds in it is the event's data."""
    text = encode_event(event)
    assert json.loads(text)["data"] == event.data
    assert not set(text) & set("\n\r\u2028\u2029<>&")


@given(st.text(max_size=40) | st.binary(max_size=40) | events().map(encode_event).map(lambda text: text[:-1]))
def test_any_other_text_is_an_invalid_event(text: str | bytes) -> None:
    """Whatever is read, the only error is InvalidEvent."""
    with pytest.raises(InvalidEvent):
        decode_event(text)


# The page.


@pytest.mark.parametrize("number", range(PAGE.count("```python\n")))
def test_examples_of_the_page(number: int) -> None:
    """Every Python example of the page runs, and what it asserts holds."""
    exec(compile(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[number], "events.md", "exec"), {})


def test_the_table_of_the_page_has_every_type() -> None:
    """The page lists each type with its keys."""
    for name, cls in EVENT_TYPES.items():
        assert f"| `{name}` | {', '.join(f'`{key}`' for key in cls.keys)} |" in PAGE
