"""What the processors of texts, templates and addresses do with values that are no texts, and with empty ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import transmissions
from processors.resources import FeedUrlDeduplicator, ResourceMinter, URLNormalizer
from processors.routing import Choice
from processors.templates import RDFBuilder, Templater
from processors.text import Concat, Reverse, ShowMessage, StringFilter
from processors.turtle_formatter import TurtleFormatter
from processors.walking import FileFilter
from transmissions import Context, Processor


@pytest.mark.parametrize(
    ("value", "text"), [("", ""), (None, ""), (0, "0"), (False, "false"), ("ü", "ü"), ({"k": 1}, '{"k":1}')]
)
def test_values_that_are_no_texts_are_put_together_too(value: Any, text: str) -> None:
    """Null and a field that is not there are empty, anything else stands as JSON writes it."""
    concat = Concat(source_field_a="a", source_field_b="gone", target_field="c", separator="|")
    assert concat.process({"a": value}) == {"a": value, "c": f"{text}|"}


@pytest.mark.parametrize(
    ("processor", "field"),
    [
        (URLNormalizer(), "url"),
        (FeedUrlDeduplicator(), "feedUrl"),
        (StringFilter(), "filepath"),
        (Reverse(), "content"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Processor) else one,
)
def test_null_is_no_text(processor: Any, field: str) -> None:
    """Where a text is asked for, null is an error and not the text "None"."""
    with pytest.raises(ValueError, match=f"the field {field} holds no text but NoneType"):
        processor.process({field: None})


@given(
    st.text(alphabet="aé/:@.?#&HT[]% ") | st.from_regex(r"[hH]ttps?://(U:P@)?[A-Za-z.]{0,9}(:443|:80|:1)?(/|/A){0,3}")
)
def test_making_an_address_uniform_twice_changes_nothing_more(address: str) -> None:
    """What is uniform stays as it is, whatever it is made of."""
    once = URLNormalizer().process({"url": address})["url"]
    assert URLNormalizer().process({"url": once})["url"] == once


def test_accents_stay_on_their_letters() -> None:
    """A text with combining accents is reversed letter by letter, and the empty text is empty."""
    assert Reverse().process({"content": "ne\u0301o"})["content"] == "oe\u0301n"
    assert Reverse().process({"content": ""})["content"] == ""


def test_names_and_passwords_in_an_address_keep_their_letters() -> None:
    """The host is in lower case, what stands before it is not."""
    left = URLNormalizer().process({"url": "HTTP://User:Word@Example.ORG:80/A/"})
    assert left == {"url": "http://User:Word@example.org/A"}


def test_an_address_is_minted_beside_what_a_message_holds() -> None:
    """Unless told to, no field of the message is replaced; where it is an object, its members stay."""
    left = ResourceMinter(base_uri="urn:").process({"content": "text"})
    assert left["content"] == "text"
    assert left["resource"]["uri"].startswith("urn:")


def test_one_field_of_a_message_is_shown_by_its_path() -> None:
    """A dotted path leads into the message; of one without the field nothing is shown, and null is null."""
    shown: list[str] = []
    show = ShowMessage(field="a.b")
    show.context = Context(log=lambda _, text, __: shown.append(text))
    for message in ({"a": {"b": 0}}, {"a": {"b": None}}, {"a": {}}):
        assert show.process(dict(message)) == message
    assert shown == ['{"a.b": 0}', '{"a.b": null}', "{}"]


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "holds"),
    [
        ("it is true", "contains", True, True),
        ({"true": 1}, "contains", True, True),
        ([False, 0], "contains", False, True),
        (0, "exists", "", True),
        ("", "exists", "", True),
        (None, "exists", "", False),
        ([], "exists", "", False),
        (False, "equals", "false", True),
        (None, "equals", "null", False),
        ("b", "greater", "a", True),
        ("10", "greater", 9, True),
    ],
)
def test_tests_take_values_as_they_are_written(value: Any, operator: str, wanted: Any, holds: bool) -> None:
    """Truth and numbers are compared as JSON writes them; null and an empty list do not exist."""
    choice = Choice(
        test_property="v", test_operator=operator, test_value=wanted, true_property="r", true_value="yes",
        false_property="r", false_value="no",
    )  # fmt: skip
    assert choice.process({"v": value})["r"] == ("yes" if holds else "no")


def test_a_template_may_be_filled_with_the_message_itself() -> None:
    """Without a data field its names are the message's, and the text goes where it is asked to."""
    templater = Templater(template="{{ a }}{{ gone }}", data_field="", output_field="out.text")
    assert templater.process({"a": "ü", "content": "kept"}) == {"a": "ü", "content": "kept", "out": {"text": "ü"}}


def test_rdf_is_not_built_of_a_field_that_is_not_there() -> None:
    """A data field that a message lacks is an error, and no template full of holes; truth is written as in JSON."""
    builder = RDFBuilder(template='{{ escape(yes) }} {{ uri("A ü") }} {{ hash(5) }}', data_field="d")
    assert builder.process({"d": {"yes": True}})["rdf"] == "true a e4da3b7f"
    with pytest.raises(ValueError, match="the message has no field d"):
        builder.process({"yes": True})


@pytest.mark.parametrize(
    ("name", "file"), [(0, "0.ttl"), ("", "item.ttl"), (None, "item.ttl"), ("é/..", "%C3%A9%2F...ttl")]
)
def test_an_item_is_named_by_its_id_if_it_has_one(name: Any, file: str) -> None:
    """Zero is a name; an empty one is none; no name leads out of a folder."""
    assert TurtleFormatter().process({"currentItem": {"id": name, "n": False}})["targetFile"] == file


def test_fields_that_settings_name_are_known_before_a_run(tmp_path: Path) -> None:
    """A field that an earlier stage's setting names is no field that nobody writes."""
    turtle = """@prefix : <http://purl.org/stuff/transmissions/> .
        :p a :Transmission ; :pipe (:t :a :u :f :r) . :t a :SetText .
        :a a :StringReplace ; :settings [ :outputField "new" ] .
        :u a :URLNormalizer ; :settings [ :inputField "new" ; :outputField "url" ] .
        :f a :TurtleFormatter ; :settings [ :itemField "url" ] .
        :r a :RDFBuilder ; :settings [ :dataField "gone" ; :template "x" ] ."""
    (tmp_path / "p.ttl").write_text(turtle, encoding="utf-8")
    warnings = transmissions.load(tmp_path / "p.ttl").warnings
    assert ['reads the field "gone"' in one.message for one in warnings] == [True]


@pytest.mark.parametrize("glob", ["[!].md", "[^].md", "[].md", "[.md", "{a", "}"])
def test_what_is_no_choice_in_a_glob_stands_for_itself(glob: str) -> None:
    """A bracket that closes nothing, or holds nothing, is a sign like others."""
    assert FileFilter(include_pattern=[glob]).process({"filepath": glob}) == {"filepath": glob, "match": True}
    assert FileFilter(include_pattern=[glob]).process({"filepath": "a.md"}) is None


def test_a_choice_in_a_glob_that_is_none_is_named() -> None:
    """A range from a later sign to an earlier one is an error that shows glob and range."""
    with pytest.raises(ValueError, match=r"the glob \[z-a\]\.md has a choice that is none: \[z-a\]"):
        FileFilter(include_pattern=["[z-a].md"]).process({"filepath": "a.md"})
