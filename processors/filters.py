"""FieldFilter: lets on the messages for which a test of a field holds, which is how a fork becomes a branch."""

from __future__ import annotations

from typing import Literal

from processors.routing import holds
from transmissions import Message, Processor, get_field, setting

__all__ = ["FieldFilter"]


class FieldFilter(Processor):
    """Let on only the messages for which a test of a field holds; with `:negate`, only the others.

    Two of them at the beginning of two pipes, one with `:negate`, are a branch. Texts and numbers are compared as they
    are written: 1 equals "1", and true equals "true".

    Example:
        :example a :EntryTransmission ; :pipe (:each :large) .
        :each a :ForEach .
        :large a :FieldFilter ; :settings [ :testProperty "currentItem" ; :testOperator "greater" ; :testValue 10 ] .
        in {"items": [5, 50]}
        out {"currentItem": 50, "eachCounter": 1}
        out {"done": true}

    Guarantee: pure.
    """

    test_property: str = setting("content", "field to test, as a dotted path", fixed=True)
    test_operator: Literal["equals", "contains", "greater", "less", "exists"] = setting(
        "equals", "what is asked of it; a list without members does not exist", fixed=True
    )
    test_value: object = setting("", "what the field is compared with", fixed=True)
    negate: bool = setting(False, "whether to let on those for which the test does not hold", fixed=True)

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        found = holds(get_field(message, self.test_property), self.test_operator, self.test_value)
        return message if found is not self.negate else None
