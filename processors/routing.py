"""Processors that decide: set a field by a test, and go to another transmission."""

from __future__ import annotations

import math
from typing import Any, Literal

from processors.values import are_equal, as_text
from transmissions import MISSING, Message, Processor, copy_message, get_field, set_field, setting

__all__ = ["GOTO", "Choice", "holds"]


class Choice(Processor):
    """Set a field to one value or another, as a test of a field says; with GOTO behind it, that is a branch.

    In a plain pipeline, which has no GOTO, FieldFilter makes a branch. A text contains a text, a list a member, and an
    object a field; null and an empty list do not exist.
    A value that is the path of a field stands for what is there; one with a dot or a bracket that is the path of
    nothing sets nothing. Texts and numbers are compared as they are written: 1 equals "1".

    Example:
        :stage a :Choice ; :settings [
            :testProperty "size" ; :testOperator "greater" ; :testValue 100 ;
            :trueProperty "shelf" ; :trueValue "large" ;
            :falseProperty "shelf" ; :falseValue "small"
        ] .
        in {"title": "Atlas", "size": 340}
        in {"title": "Almanac", "size": 90}
        out {"title": "Atlas", "size": 340, "shelf": "large"}
        out {"title": "Almanac", "size": 90, "shelf": "small"}

    Guarantee: pure.
    """

    takes_done = True

    test_property: str = setting("content", "field to test, as a dotted path", reads=True)
    test_operator: Literal["equals", "contains", "greater", "less", "exists"] = setting("equals", "what is asked of it")
    test_value: object = setting("", "what the field is compared with; `exists` needs none")
    true_property: str = setting("", "field to set if the test holds; none if empty", writes=True)
    true_value: object = setting("", "its value then: a text, or the path of the field that holds it")
    false_property: str = setting("", "field to set if it does not; none if empty", writes=True)
    false_value: object = setting("", "its value then, likewise")

    def process(self, message: Message) -> Message:
        """Return the message with the one field or the other set."""
        found = holds(get_field(message, self.test_property), self.test_operator, self.test_value)
        path, given = (self.true_property, self.true_value) if found else (self.false_property, self.false_value)
        if path and (value := _meant(message, given)) is not MISSING:
            set_field(message, path, value)
        return message


def holds(value: Any, operator: str, wanted: Any) -> bool:
    """Say whether a test of a value holds: it equals, contains, is greater or less than another, or exists."""
    if value is MISSING or value is None:
        return False
    if operator == "exists":
        return not isinstance(value, list) or bool(value)
    if operator == "contains":
        return _contains(value, wanted)
    if operator == "equals":
        return are_equal(value, wanted)
    return _is_greater(value, wanted, less=operator == "less")


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return as_text(wanted) in value
    if isinstance(value, list):
        return any(are_equal(one, wanted) for one in value)
    return isinstance(value, dict) and as_text(wanted) in value


def _is_greater(value: Any, other: Any, *, less: bool) -> bool:
    try:
        first, second = _number(value), _number(other)
    except (TypeError, ValueError):
        one, two = as_text(value), as_text(other)
        return one < two if less else one > two
    return first < second if less else first > second


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        # A whole number that no float holds is larger, or smaller, than all that it is compared with.
        return math.inf if value > 0 else -math.inf


def _meant(message: Message, given: Any) -> Any:
    if not isinstance(given, str):
        return given
    value = get_field(message, given)
    if value is not MISSING:
        return copy_message({"value": value})["value"]
    return MISSING if any(sign in given for sign in ".[") else given


class GOTO(Processor):
    """Run another transmission of the application with the message, and go on with the first message that leaves it.

    What else leaves it has run to its end, and goes no further; if nothing leaves it, nothing goes on. A target that
    the application does not have is warned of, and the message goes on as it came. Only the transmissions of an
    application folder can be gone to. There a message's field `gotoTarget` comes before the setting, so that a Choice
    may say where each message goes.

    Example:
        :main a :EntryTransmission ; :pipe (:choose :stage) .
        :choose a :Choice ; :settings [
            :testProperty "language" ; :testValue "de" ;
            :trueProperty "gotoTarget" ; :trueValue "german" ;
            :falseProperty "gotoTarget" ; :falseValue "english"
        ] .
        :stage a :GOTO .

        :german a :Transmission ; :pipe (:gruss) .
        :gruss a :SetField ; :settings [ :field "greeting" ; :value "Guten Tag" ] .
        :english a :Transmission ; :pipe (:hello) .
        :hello a :SetField ; :settings [ :field "greeting" ; :value "Good morning" ] .
        application letters
        in {"language": "de"}
        out {"language": "de", "gotoTarget": "german", "greeting": "Guten Tag", "tags": "choose.stage.gruss",
            "appName": "letters", "appPath": "…/letters", "rootDir": "…/letters", "dataDir": "…/letters/data",
            "workingDir": "…/letters/data", "appRunStart": "…Z"}

    Guarantee: that of the stages gone to.
    """

    takes_done = True
    calls = True
    writes = ("*",)

    goto_target: str = setting("", "the transmission to run: its name, or its address")

    def process(self, message: Message) -> Message | None:
        """Return what left the other transmission first."""
        name = self.goto_target.rpartition("/")[2].rpartition("#")[2]
        if not name:
            self.warn("no :gotoTarget is set, neither in the settings nor in the message; the message goes on")
            return message
        try:
            return self.context.call(name, message)
        except LookupError:
            self.warn(f"no transmission is called {name}; the message goes on as it came", target=name)
            return message
