"""Stash, CaptureAll, WhiteboardToMessage and CommentStripper: what they keep, and what they leave."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.comments import CommentStripper
from processors.whiteboard import CaptureAll, Stash, WhiteboardToMessage

VALUES = st.sampled_from([None, True, 0, 1, "", "text", [], [1, {"a": [2]}], {}, {"b": {"c": 1}}])
MESSAGES = st.dictionaries(st.sampled_from(["a", "b", "é", "title"]), VALUES, max_size=4)


@given(MESSAGES)
def test_what_is_put_aside_comes_back(message: dict[str, Any]) -> None:
    """A message that was put aside whole comes back as it was, whatever has become of it, and so does each field."""
    before = repr(message)
    aside = Stash().process(dict(message))
    changed = {**dict.fromkeys(message, "changed"), "new": 1, "stashed": aside["stashed"]}
    assert repr(Stash(action="restore").process(changed)) == before
    fields = list(message)[:1]
    aside = Stash(fields=[*fields, "absent"]).process(dict(message))
    back = Stash(action="restore").process({**dict.fromkeys(fields, 0), "stashed": aside["stashed"], "new": 1})
    assert back == {**{name: message[name] for name in fields}, "new": 1}


def test_stashes_of_two_names_are_two() -> None:
    """One does not take the other's place, and what is not there cannot be brought back."""
    message = Stash(label="a", fields=["x.y"]).process({"x": {"y": 1}})
    message = Stash(label="b", fields=["x"]).process({**message, "x": {"y": 2}})
    message = Stash(action="restore", label="a").process(message)
    assert message["x"] == {"y": 1}
    message = Stash(action="restore", label="b").process(message)
    assert message == {"x": {"y": 2}}
    with pytest.raises(ValueError, match="nothing was put aside as b"):
        Stash(action="restore", label="b").process(message)


def test_a_stash_is_a_copy() -> None:
    """What becomes of a value later does not reach the one that was put aside."""
    message = Stash(fields=["x"]).process({"x": {"y": 1}})
    message["x"]["y"] = 2
    assert Stash(action="restore").process(message) == {"x": {"y": 1}}


def test_capturing_can_be_resumed() -> None:
    """What was captured so far can be handed out and taken back; it is sent once."""
    first, second = CaptureAll(), CaptureAll()
    first.process({"a": 1})
    second.restore(first.snapshot())
    second.process({"a": 2})
    assert list(second.finish()) == [{"whiteboard": [{"a": 1}, {"a": 2}]}]
    assert list(second.finish()) == []


@pytest.mark.parametrize("rows", [None, "text", [1], [{"a": 1}, "b"]])
def test_only_a_list_of_objects_is_turned(rows: Any) -> None:
    """What is no list of objects is told, not turned into something."""
    with pytest.raises(ValueError, match="holds no list of objects"):
        WhiteboardToMessage().process({"whiteboard": rows})


@pytest.mark.parametrize(
    ("name", "code", "left"),
    [
        ("a.js", "a // b\n/* c\n * d */e", "a\ne"),
        ("a.js", "'//' + \"/*\" + `\n//` // c", "'//' + \"/*\" + `\n//`"),
        ("a.js", r"'\'//' // c", r"'\'//'"),
        ("a.js", "a /* never closed", "a"),
        ("a.py", "'''\n# kept\n''' # gone\nb", "'''\n# kept\n'''\nb"),
        ("a.ttl", "<http://x/#y> a :B . # gone", "<http://x/#y> a :B ."),
        ("a.html", "<p><!-- a\n- b -->x", "<p>x"),
        ("a.js", "a\n\n// b\n\n\nc", "a\n\nc"),
        ("a.unknown", "a // b", "a // b"),
        ("", "a # b", "a # b"),
    ],
)
def test_comments_are_taken_out(name: str, code: str, left: str) -> None:
    """Comments go, texts that look like them stay, and so does what is of no known kind."""
    assert CommentStripper().process({"filepath": name, "content": code})["content"] == left


@given(st.sampled_from(["c", "hash", "html"]), st.text("ab'\"`/*#<!->\\\n ", max_size=60))
def test_what_is_left_was_there(style: str, code: str) -> None:
    """Nothing is added: what is left is the code with parts taken out, in order."""
    left = iter(code)
    assert all(sign in left for sign in CommentStripper(style=style).process({"content": code})["content"])


@pytest.mark.parametrize("piece", ["'", '"', "/*", "`", "\\", '"""', "<!-", "-", "<", "*"])
@pytest.mark.parametrize("style", ["c", "hash", "html"])
def test_nothing_takes_longer_than_it_is_long(style: str, piece: str) -> None:
    """Code made to be looked at again and again is looked at once: a hundred thousand signs are gone through."""
    CommentStripper(style=style).process({"content": f"/*{piece * 100_000}"})
