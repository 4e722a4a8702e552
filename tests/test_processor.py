"""What a function under `@processor` becomes, and what kinds of processors there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from transmissions import Message, Processor, processor
from transmissions.processor import Kind


def test_settings_without_annotations_have_the_type_of_their_default() -> None:
    """A number given as text reaches a function as a number also where it has no annotations."""

    @processor
    def cut(message, *, limit=5, strict=False, field="content"):  # type: ignore[no-untyped-def]
        return {"cut": (message[field][:limit], strict)}

    assert cut(limit="2", strict="true").process({"content": "abc"}) == {"cut": ("ab", True)}
    assert cut().process({"content": "abcdefg"}) == {"cut": ("abcde", False)}


def _two(message: Message, limit: int) -> Message:
    return message


def _none() -> None:
    return None


def _keyword_only(*, message: Message) -> Message:
    return message


@pytest.mark.parametrize(
    ("function", "told"),
    [(_two, "only the message comes by position"), (_none, "is the message"), (_keyword_only, "is the message")],
)
def test_a_function_that_cannot_be_called_with_a_message_is_refused(function: Callable[..., Any], told: str) -> None:
    """What could only fail once a message comes is refused when it is made a processor."""
    with pytest.raises(TypeError, match=told):
        processor(function)


def test_positional_arguments_may_keep_their_defaults() -> None:
    """Further positional arguments are the function's own affair, as long as it needs none of them."""

    @processor
    def one(message: Message, limit: int = 5) -> Message:
        return {"limit": limit}

    assert one().process({}) == {"limit": 5}


def test_the_kind_is_that_of_the_function_behind_process() -> None:
    """Static and class methods are of the kind of their function."""

    class Static(Processor):
        """Yield."""

        @staticmethod
        def process(message: Message) -> Any:
            yield message

    class Bound(Processor):
        """Yield."""

        @classmethod
        def process(cls, message: Message) -> Any:
            yield message

    assert [Static.kind(), Bound.kind()] == [Kind.GENERATOR, Kind.GENERATOR]
