"""What the processors of flow, fields and streams do, in pipelines written in Turtle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import transmissions
from processors.flow import Ping
from transmissions import Context, Message, StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def leaving(folder: Path, turtle: str, message: Message | None = None, **options: Any) -> list[Message]:
    """Run a pipeline given as Turtle and return what leaves it."""
    file = folder / "test.ttl"
    file.write_text(PREFIX + turtle, encoding="utf-8")
    return list(transmissions.load(file).stream(messages=message or {}, target=folder, **options))


def test_nop_changes_nothing(tmp_path: Path) -> None:
    """NOP hands a message on as it came."""
    assert leaving(tmp_path, ":p a :Transmission ; :pipe (:n) . :n a :NOP .", {"a": [1, None]}) == [{"a": [1, None]}]


def test_for_each_sends_the_parts_and_then_the_whole(tmp_path: Path) -> None:
    """Each part holds its item, its number and the other fields; the mark that follows holds the rest of the whole."""
    turtle = ':p a :Transmission ; :pipe (:f) . :f a :ForEach ; :settings [ :forEach "list.of" ] .'
    parts = leaving(tmp_path, turtle, {"list": {"of": ["x", 0], "b": 1}, "c": 2})
    assert parts == [
        {"list": {"b": 1}, "c": 2, "currentItem": "x", "eachCounter": 0},
        {"list": {"b": 1}, "c": 2, "currentItem": 0, "eachCounter": 1},
        {"list": {"b": 1}, "c": 2, "done": True},
    ]


def test_for_each_keeps_to_its_limit_and_to_lists(tmp_path: Path) -> None:
    """`:limit` bounds the parts; an empty list has none; what is no list is an error that says so."""
    turtle = ":p a :Transmission ; :pipe (:f) . :f a :ForEach ; :settings [ :limit 2 ] ."
    assert len(leaving(tmp_path, turtle, {"items": [1, 2, 3]})) == 3
    assert leaving(tmp_path, turtle, {"items": []}) == [{"done": True}]
    with pytest.raises(StageError, match="the message has no field items"):
        leaving(tmp_path, turtle, {"other": 1})
    with pytest.raises(StageError, match="the field items holds no list but str"):
        leaving(tmp_path, turtle, {"items": "text"})


def test_parts_share_nothing_that_can_change(tmp_path: Path) -> None:
    """What a later stage does to one part is not seen in another."""
    turtle = """:p a :Transmission ; :pipe (:f :s) . :f a :ForEach .
        :s a :Restructure ; :settings [ :rename ( [ :pre "currentItem" ; :post "meta.item" ] ) ] ."""
    parts = leaving(tmp_path, turtle, {"items": [1, 2], "meta": {"a": 0}})
    assert [part["meta"] for part in parts] == [{"a": 0, "item": 1}, {"a": 0, "item": 2}, {"a": 0}]


@pytest.mark.parametrize(
    ("kind", "expected"), [("", ["x", "y"]), (':accumulatorType "string" ; :separator "-" ;', "x-y")]
)
def test_accumulate_gathers_each_group(tmp_path: Path, kind: str, expected: object) -> None:
    """Accumulate puts what it gathered of the parts into the whole; with `:parts false` only that goes on."""
    turtle = f"""@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        :p a :Transmission ; :pipe (:f :a) . :f a :ForEach .
        :a a :Accumulate ; :settings [ {kind} :parts false ; :targetField "out.all" ] ."""
    assert leaving(tmp_path, turtle, {"items": ["x", "y"], "c": 1}) == [{"c": 1, "out": {"all": expected}}]


def test_groups_within_groups_are_gathered_each_for_itself(tmp_path: Path) -> None:
    """A split inside a split: the inner groups are gathered first, and then the outer one, each once."""
    turtle = """:p a :Transmission ; :pipe (:outer :inner :gather :regather) .
        :outer a :ForEach ; :settings [ :itemField "row" ] .
        :inner a :ForEach ; :settings [ :forEach "row" ] .
        :gather a :Accumulate ; :settings [ :parts false ; :targetField "sum" ] .
        :regather a :Accumulate ; :settings [ :parts false ; :sourceField "sum" ; :targetField "all" ] ."""
    assert leaving(tmp_path, turtle, {"items": [[1, 2], [], [3]]}) == [{"all": [[1, 2], [], [3]]}]


def test_accumulate_without_a_split_gathers_the_run(tmp_path: Path) -> None:
    """Without a stage that splits, what was gathered leaves at the end of the run."""
    turtle = """:p a :Transmission ; :pipe (:a) .
        :a a :Accumulate ; :settings [ :parts false ; :sourceField "n" ] ."""
    file = tmp_path / "a.ttl"
    file.write_text(PREFIX + turtle)
    pipeline = transmissions.load(file)
    assert list(pipeline.stream(messages=[{"n": 1}, {"m": 9}, {"n": None}])) == [{"accumulate": [1, None]}]


@pytest.mark.parametrize(
    ("literal", "value"), [('"text"', "text"), ("5", 5), ("2.5", 2.5), ("true", True), ('""', ""), ("0", 0)]
)
def test_set_field_sets_typed_values(tmp_path: Path, literal: str, value: object) -> None:
    """SetField sets a field, at any depth, to what its literal is in Turtle."""
    turtle = f':p a :Transmission ; :pipe (:s) . :s a :SetField ; :settings [ :field "a.b" ; :value {literal} ] .'
    [message] = leaving(tmp_path, turtle, {"c": 1})
    assert message == {"c": 1, "a": {"b": value}}
    assert type(message["a"]["b"]) is type(value)


def test_restructure_copies_and_then_removes(tmp_path: Path) -> None:
    """Restructure copies values in order, keeps lists as lists, and removes fields afterwards."""
    turtle = """:p a :Transmission ; :pipe (:r) . :r a :Restructure ; :settings [
        :rename ( [ :pre "x.y" ; :post "p.q" ] [ :pre "list.0" ; :post "first" ] [ :pre "none" ; :post "never" ] ) ;
        :remove "x.y", "list" ] ."""
    assert leaving(tmp_path, turtle, {"x": {"y": [1], "z": 2}, "list": ["a", "b"]}) == [
        {"x": {"z": 2}, "p": {"q": [1]}, "first": "a"}
    ]


def test_what_was_gathered_is_not_changed_by_later_stages(tmp_path: Path) -> None:
    """Parts that go on may be changed; what was gathered of them stays as it was."""
    turtle = """:p a :Transmission ; :pipe (:f :a :s) . :f a :ForEach . :a a :Accumulate .
        :s a :SetField ; :settings [ :field "currentItem.seen" ; :value true ] ."""
    left = leaving(tmp_path, turtle, {"items": [{"n": 1}]})
    assert left == [
        {"currentItem": {"n": 1, "seen": True}, "eachCounter": 0},
        {"done": True, "accumulate": [{"n": 1}]},
    ]


def test_unfork_without_groups_says_that_nothing_goes_on(tmp_path: Path) -> None:
    """Without a stage that splits before it, Unfork warns; with one it does not."""
    for first, warned in ((":n a :NOP", 1), (":n a :Fork", 0)):
        file = tmp_path / "u.ttl"
        file.write_text(f"{PREFIX}:p a :Transmission ; :pipe (:n :u) . {first} . :u a :Unfork .", encoding="utf-8")
        problems = transmissions.load(file).run(messages={"a": 1}).problems
        assert ["no stage before it splits" in str(one) for one in problems] == [True] * warned


def test_a_ping_that_waits_ends_with_the_run(tmp_path: Path) -> None:
    """Once the run takes nothing more in, no more pings are sent, and none without its interval."""
    ping = Ping(interval=60_000, count=5)
    ping.context = Context(stopping=lambda: True)
    assert [one["pingStatus"] for one in ping.process({})] == ["running", "stopped"]


def test_walking_leaves_the_list_out_of_its_parts(tmp_path: Path) -> None:
    """However deep the list is, its parts are without it, and with all that stands beside it."""
    turtle = ':p a :Transmission ; :pipe (:w) . :w a :JSONWalker ; :settings [ :pointer "a.b" ] .'
    left = leaving(tmp_path, turtle, {"a": {"b": [0, None], "c": 1}, "d": 2})
    assert left == [
        {"a": {"c": 1}, "d": 2, "content": 0},
        {"a": {"c": 1}, "d": 2, "content": None},
        {"a": {"c": 1}, "d": 2, "content": None, "done": True},
    ]


def test_members_of_a_shared_list_are_walked_as_copies(tmp_path: Path) -> None:
    """Parts that hold one list between them may each be split by it, and see nothing of each other."""
    turtle = """:p a :Transmission ; :pipe (:f :w :s) . :f a :ForEach ; :settings [ :keep true ] .
        :w a :JSONWalker ; :settings [ :pointer "items" ] .
        :s a :Restructure ; :settings [ :rename ( [ :pre "eachCounter" ; :post "content.n" ] ) ] ."""
    left = leaving(tmp_path, turtle, {"items": [{"k": 1}, {"k": 2}]})
    assert [one["content"]["n"] for one in left if "done" not in one] == [0, 0, 1, 1]


def test_the_stages_of_a_pipeline_are_shown(tmp_path: Path) -> None:
    """ShowTransmission names every stage with its processor, in order."""
    lines: list[str] = []
    turtle = ":p a :Transmission ; :pipe (:n :s) . :n a :NOP . :s a :ShowTransmission ."
    leaving(tmp_path, turtle, on_log=lambda _, __, text, ___: lines.append(text))
    assert lines == ["pipeline p: :n a :NOP, :s a :ShowTransmission"]
