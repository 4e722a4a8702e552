"""Splitting: the same elements for any layout and window, and a broken element costs only itself."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.chat.decoding import decode, decode_leniently
from processors.chat.element import Element
from processors.chat.lines import split_lines
from processors.chat.splitter import split_objects
from processors.chat.window import DepthScan, Window

KEY = b'"chat_messages"'
LAYOUTS: dict[str, Callable[[object], str]] = {
    "compact": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "spaced": json.dumps,
    "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    "tabs": lambda value: json.dumps(value, indent="\t").replace("\n", "\r\n"),
}

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['},{"uuid":"', '"chat_messages":[', "\\", '\\"', "]}", '"', "},\n  {", "🧪", "[{", "}]},{"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
conversations = st.builds(
    lambda uuid, name, messages, more: {"uuid": uuid, "name": name, "chat_messages": messages} | more,
    texts,
    texts,
    st.lists(st.builds(lambda uuid, text: {"uuid": uuid, "text": text, "files": []}, texts, values), max_size=3),
    st.dictionaries(texts, values, max_size=2),
)
objects = conversations | st.dictionaries(texts, values, max_size=4)


def split(data: bytes, window_bytes: int = 64, limit_bytes: int = 1 << 20, start: int = 0) -> list[Element]:
    """Split the array in `data`, whose bracket stands before `start`."""
    stream = io.BytesIO(data)
    stream.seek(start)
    window = Window(stream.read, window_bytes, start)
    return list(split_objects(window, decode, decode_leniently, key=KEY, limit_bytes=limit_bytes))


def array(pieces: list[bytes], between: bytes = b",") -> bytes:
    """Return the pieces as one array."""
    return b"[" + between.join(pieces) + b"]"


def conversation(number: int, text: str = "hello") -> dict[str, object]:
    """Return a conversation of two messages."""
    return {
        "uuid": f"{number:08}",
        "name": f"n{number}",
        "chat_messages": [{"uuid": "m1", "text": text, "files": []}, {"uuid": "m2", "text": "x" * 50, "files": []}],
    }


def compact(value: object) -> bytes:
    """Return JSON without white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@settings(max_examples=300, deadline=None)
@given(st.lists(objects, max_size=6), st.sampled_from(sorted(LAYOUTS)), st.integers(1, 200))
def test_any_layout_and_window_give_the_same_elements(elements: list[object], layout: str, window_bytes: int) -> None:
    """Any array of objects comes out element by element, whatever its white space and the window's size."""
    data = LAYOUTS[layout](elements).encode()
    found = split(data, window_bytes, start=data.index(b"[") + 1)
    assert [element.value for element in found] == elements
    assert [json.loads(data[element.start : element.end]) for element in found] == elements


BROKEN = {
    "lone surrogate": b'{"uuid":"bad","name":"\\ud83d","chat_messages":[{"uuid":"m1","text":"\\ud83d","files":[]}]}',
    "invalid UTF-8": b'{"uuid":"bad","name":"\xff\xfe","chat_messages":[{"uuid":"m1","text":"\xe2\x82","files":[]}]}',
    "NaN": b'{"uuid":"bad","name":"x","chat_messages":[{"uuid":"m1","text":NaN,"files":[]}]}',
    "control character": b'{"uuid":"bad","name":"a\x00b\nc","chat_messages":[{"uuid":"m1","text":"","files":[]}]}',
    "bad token": b'{"uuid":"bad","name":nul,"chat_messages":[]}',
    "bad token, no key": b'{"uuid":"bad","name":nul}',
    "missing comma": b'{"uuid":"bad" "name":"x","chat_messages":[{"uuid":"m1"}]}',
    "cut in a text": b'{"uuid":"bad","name":"x","chat_messages":[{"uuid":"m1","text":"abc',
    "cut in its head": b'{"uuid":"bad","na',
    "cut after a message": b'{"uuid":"bad","name":"x","chat_messages":[{"uuid":"m1","text":"a","files":[]}',
}


@pytest.mark.parametrize("window_bytes", [7, 300, 1 << 20])
@pytest.mark.parametrize("place", [0, 1, 5, 9])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_element_costs_only_itself(kind: str, place: int, window_bytes: int) -> None:
    """R37: beside one broken element, every good one comes out, and the bytes of the bad one are told."""
    pieces = [compact(conversation(number)) for number in range(10)]
    pieces[place] = BROKEN[kind]
    data = array(pieces)
    found = split(data, window_bytes, start=1)
    good = [element.value["uuid"] for element in found if element.value is not None and not element.repaired]
    if place == 9 and kind.startswith("cut"):
        assert good == [f"{number:08}" for number in range(9)]
    else:
        assert good == [f"{number:08}" for number in range(10) if number != place]
    start = data.index(BROKEN[kind])
    assert any(element.start == start and (element.repaired or element.problem) for element in found)


def test_stray_brace_is_told() -> None:
    """Rubbish behind a whole element is told, and costs no element."""
    found = split(b'[{"a":1}},{"a":2}]', start=1)
    assert [element.value for element in found if element.value] == [{"a": 1}, {"a": 2}]
    assert [element.data for element in found if element.problem] == [b"}"]


def test_bracket_that_does_not_end_the_array_is_told() -> None:
    """A bracket behind which the elements go on is told, and they come out; what closes a wrapper is none."""
    found = split(b'[{"a":1}],{"a":2}]', start=1)
    assert [element.value for element in found if element.value] == [{"a": 1}, {"a": 2}]
    assert [element.data for element in found if element.problem] == [b"]"]
    assert [element.problem for element in split(b'[{"a":1}], "more": [{}] }', start=1)] == [""]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(objects, min_size=1, max_size=5), st.integers(0, 4), st.integers(1, 300), st.sampled_from(list(BROKEN)[:6])
)
def test_good_elements_survive_a_balanced_bad_one(
    elements: list[object], at: int, window_bytes: int, kind: str
) -> None:
    """R37: whatever the good elements are, none is lost beside one whose strings and braces are closed."""
    pieces = [compact(element) for element in elements]
    pieces.insert(min(at, len(pieces)), BROKEN[kind])
    found = split(array(pieces), window_bytes, start=1)
    assert [element.value for element in found if element.value is not None and not element.repaired] == elements


@settings(max_examples=300, deadline=None)
@given(
    st.data(),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"\xff", b""]),
)
def test_one_damaged_byte_costs_little(data: st.DataObject, layout: str, byte: bytes) -> None:
    """R37: whatever is put in the place of one byte, at most the two conversations beside it are lost."""
    whole = LAYOUTS[layout]([conversation(number, 'say "},{" and [') for number in range(6)]).encode()
    place = data.draw(st.integers(whole.index(b"{"), len(whole) - 3))
    damaged = whole[:place] + byte + whole[place + 1 :]
    good = [conversation(number, 'say "},{" and [') for number in range(6)]
    found = split(damaged, start=whole.index(b"[") + 1)
    assert sum(element.value in good for element in found) >= 4


def test_truncated_array_gives_all_that_is_whole() -> None:
    """R35: of a file cut anywhere, every whole element comes out, and the cut is told."""
    data = array([compact(conversation(number)) for number in range(5)])
    ends = [element.end for element in split(data, start=1)]
    for cut in range(2, len(data)):
        found = split(data[:cut], 50, start=1)
        assert sum(element.value is not None for element in found) == sum(end <= cut for end in ends)
        assert found[-1].problem == "truncated"
        assert found[-1].end == cut


def test_too_large_element_is_skipped_without_holding_it() -> None:
    """An element over the limit is passed by, its bytes are told, and its neighbours come out."""
    pieces = [compact(conversation(0)), compact(conversation(1, "y\\" * 5000)), compact(conversation(2))]
    found = split(array(pieces), 100, limit_bytes=1000, start=1)
    assert [element.problem for element in found] == ["", "too large", ""]
    assert found[1].end - found[1].start == len(pieces[1])
    assert [element.value["uuid"] for element in found if element.value] == ["00000000", "00000002"]


def test_other_values_between_objects_are_told() -> None:
    """Scalars and nested arrays between objects are passed by, one problem each."""
    found = split(b'[1, {"a":1}, "x,{", [ {"b":[]} ], null, {"c":2}]', 5, start=1)
    assert [element.value for element in found if element.value] == [{"a": 1}, {"c": 2}]
    assert [element.data for element in found if element.problem] == [b"1", b'"x,{"', b'[ {"b":[]} ]', b"null"]


@given(values, st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_depth_scan_does_not_depend_on_pieces(value: object, sizes: list[int]) -> None:
    """The end of a value is found at the same place however its text is cut into pieces."""
    data = compact([value]) + b',"more"'
    scan, position = DepthScan(), 0
    for turn in range(len(data)):
        piece = data[position : position + sizes[turn % len(sizes)]]
        end = scan.feed(piece)
        if end >= 0:
            break
        position += len(piece)
    assert position + end == len(data) - len(b',"more"')


def test_lines_are_elements() -> None:
    """Each line that is not blank is an element; a bad one, a cut one and a too long one are told with their bytes."""
    data = b'{"a":1}\n\n{"b":\n{"c":"' + b"x" * 100 + b'"}\r\n{"d":2}\r\n{"e":'
    found = list(split_lines(Window(io.BytesIO(data).read, 3), decode, decode_leniently, limit_bytes=60))
    assert [(element.value, element.problem) for element in found] == [
        ({"a": 1}, ""),
        (None, "not JSON"),
        (None, "too large"),
        ({"d": 2}, ""),
        (None, "truncated"),
    ]
    assert all(data[one.start : one.end].startswith(b"{") for one in found)
