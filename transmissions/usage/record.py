"""What one model call used, in buckets that do not overlap, and whose call it was."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, NamedTuple

from transmissions.usage.errors import InvalidUsage

__all__ = ["COUNTS", "MAX_COUNT", "MAX_ID", "CallKind", "UsageRecord", "check_count", "check_year"]

MAX_COUNT = 10**12
"""The most tokens that one call can have used; more is an error of whoever counted."""
MAX_ID = 512
"""The most characters of a call, a run, an owner and whatever else a record is grouped by."""


class CallKind(enum.StrEnum):
    """What a call was for, which decides what a person is shown; all of them are billed."""

    MESSAGE = "message"
    SUMMARISATION = "summarisation"
    SUBAGENT = "subagent"
    SEQUENTIAL = "sequential"


class UsageRecord(NamedTuple):
    """The usage of one call: every token is in exactly one of input, the three cache counts, and output.

    It is a tuple, so that making one costs less than parsing the line it comes from. Making one checks nothing:
    `normalise` checks what comes from outside, `checked` a record of one's own, and the ledger every record.

    Args:
        call: identifies the call within its run; what is settled under the same run and call is settled once.
        run: the run, generation or session that the call was part of.
        model: the model that answered, as the provider names it.
        provider: who served it: `anthropic`, `openai`, `bedrock`, `google`, …
        input: input tokens that were neither read from a cache nor written to one.
        cache_read: input tokens read from a cache.
        cache_write_5m: input tokens written to a cache for five minutes, or for no span that is told.
        cache_write_1h: input tokens written to a cache for an hour.
        output: output tokens, those of reasoning among them.
        reasoning: how many of the output tokens were reasoning.
        web_searches: searches that the provider made and bills by number.
        owner: who pays: a person, a team, a key.
        project: what it was for.
        session: the conversation.
        agent: the agent that called; "" for the only or the main one.
        parent: the call, agent or session that started this agent.
        kind: what the call was for.
        at: when it was made, with its time zone; None if that is not known.
        estimated: the counts are an estimate, since the call was interrupted.
        unmeasured: the call was made, and what it used is not known; the counts are zero and do not mean nothing.
    """

    call: str
    run: str = ""
    model: str = ""
    provider: str = ""
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    web_searches: int = 0
    owner: str = ""
    project: str = ""
    session: str = ""
    agent: str = ""
    parent: str = ""
    kind: CallKind = CallKind.MESSAGE
    at: datetime | None = None
    estimated: bool = False
    unmeasured: bool = False

    @property
    def cache_write(self) -> int:
        """Input tokens written to a cache, for whatever span."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_input(self) -> int:
        """All input tokens, cached or not: what the price tiers of a model go by."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total_tokens(self) -> int:
        """All tokens, each counted once."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output

    def checked(self) -> UsageRecord:
        """Return the record itself.

        Raises:
            InvalidUsage: a count is no whole number from 0 to `MAX_COUNT`, an id is no text or too long, there is more
                reasoning than output, the time has no time zone or is at an end of
                the calendar, or a flag is not true or false. It names the field.
        """
        for name in COUNTS:
            check_count(name, getattr(self, name))
        for name in _TEXTS:
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > MAX_ID:
                raise InvalidUsage(name, f"a text of at most {MAX_ID} characters", text)
        for name in ("call", "run"):
            if not getattr(self, name):
                raise InvalidUsage(name, "the id that a call is settled under", "")
        if self.reasoning > self.output:
            raise InvalidUsage("reasoning", f"a part of the {self.output} output tokens", self.reasoning)
        if self.at is not None and (not isinstance(self.at, datetime) or self.at.tzinfo is None):
            raise InvalidUsage("at", "a time with a time zone", self.at)
        if self.at is not None:
            check_year("at", self.at)
        self.check_flags()
        if self.kind not in _KINDS:
            raise InvalidUsage("kind", "one of " + ", ".join(_KINDS), self.kind)
        return self

    def check_flags(self) -> None:
        """Check what is only true or false; a text such as "false" would count as true.

        Raises:
            InvalidUsage: one is neither; it names the field.
        """
        for name in ("estimated", "unmeasured"):
            if type(flag := getattr(self, name)) is not bool:
                raise InvalidUsage(name, "true or false", flag)

    def as_unmeasured(self) -> UsageRecord:
        """Return a record that says only that the call was made, and by whom."""
        return UsageRecord(
            self.call, self.run, self.model, self.provider, owner=self.owner, project=self.project,
            session=self.session, agent=self.agent, parent=self.parent, kind=self.kind, at=self.at, unmeasured=True,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON values, without what is empty; `from_json` reads it back."""
        made: dict[str, Any] = {name: value for name, value in self._asdict().items() if value not in _LEFT_OUT}
        made["call"] = self.call
        if self.kind is CallKind.MESSAGE:
            made.pop("kind")
        if self.at is not None:
            made["at"] = self.at.isoformat()
        # Always there: a record is known by them, and a reader need not ask whether they are.
        return {"input": 0, "output": 0, **made}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> UsageRecord:
        """Return the record that `as_json` made these values of; keys of no field are ignored.

        Raises:
            InvalidUsage: a value is not of its field; it names the field.
        """
        known = {name: values[name] for name in cls._fields if name in values}
        for name in COUNTS:
            if name in known:
                known[name] = check_count(name, known[name])
        if known.get("at") is not None:
            known["at"] = _moment(known["at"])
        known["kind"] = CallKind(kind) if (kind := known.get("kind", "message")) in _KINDS else kind
        return cls(**{"call": "", **known})


COUNTS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "web_searches")
"""The fields that are numbers."""
_TEXTS = ("call", "run", "model", "provider", "owner", "project", "session", "agent", "parent")
_KINDS = tuple(kind.value for kind in CallKind)
_EDGES = (MINYEAR, MAXYEAR)
_LEFT_OUT = ("", 0, False, None)


def check_count(field: str, value: Any) -> int:
    """Return a count as an int.

    Args:
        field: what it is called where it comes from.
        value: the count; a float is taken if it is whole, since some writers of JSON know no other number.

    Raises:
        InvalidUsage: it is negative, not finite, no number at all, a bool or None, or more than `MAX_COUNT`.
    """
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    if type(value) is float and value.is_integer() and 0 <= value <= MAX_COUNT:
        return int(value)
    raise InvalidUsage(field, f"a whole number from 0 to {MAX_COUNT}", value)


def check_year(field: str, at: datetime) -> None:
    """Refuse a time in the first or the last year of the calendar: in other time zones it would be of no year.

    Args:
        field: what it is called where it comes from.
        at: the time.

    Raises:
        InvalidUsage: it is of one of these years.
    """
    if at.year in _EDGES:
        raise InvalidUsage(field, f"a time of the years {_EDGES[0] + 1} to {_EDGES[1] - 1}", at.isoformat())


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise InvalidUsage("at", "a time in ISO 8601, with a time zone", value) from None
