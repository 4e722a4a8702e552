"""From the usage metadata of any provider to one record of disjoint buckets.

Keys are looked for under every published spelling; what a number means is not guessed from them, but comes from the
provider's rule or from the convention that is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from transmissions.usage.conventions import PROVIDER_RULES, Convention, provider_id
from transmissions.usage.errors import InvalidUsage
from transmissions.usage.record import CallKind, UsageRecord, check_count

__all__ = ["Normalised", "normalise", "normalise_all"]

_Path = tuple[str, ...]
_Warn = Callable[[str], None]

_INPUT: tuple[_Path, ...] = (
    ("input_tokens",), ("prompt_tokens",), ("inputTokens",), ("promptTokens",), ("promptTokenCount",),
    ("prompt_token_count",), ("prompt_eval_count",), ("tokens", "input_tokens"),
)  # fmt: skip
_OUTPUT: tuple[_Path, ...] = (
    ("output_tokens",), ("completion_tokens",), ("outputTokens",), ("completionTokens",),
    ("candidatesTokenCount",), ("candidates_token_count",), ("eval_count",), ("tokens", "output_tokens"),
)  # fmt: skip
_TOTAL: tuple[_Path, ...] = (("total_tokens",), ("totalTokens",), ("totalTokenCount",), ("total_token_count",))
# The nested one wins, as long as it says anything.
_CACHE_READ: tuple[_Path, ...] = (
    ("input_token_details", "cache_read"), ("input_tokens_details", "cached_tokens"),
    ("prompt_tokens_details", "cached_tokens"), ("cache_read_input_tokens",), ("cached_input_tokens",),
    ("cacheReadInputTokens",), ("cachedContentTokenCount",), ("cached_content_token_count",),
    ("prompt_cache_hit_tokens",), ("cached_tokens",),
)  # fmt: skip
_CACHE_WRITE: tuple[_Path, ...] = (
    ("input_token_details", "cache_creation"), ("input_token_details", "cache_write_tokens"),
    ("input_tokens_details", "cache_write_tokens"), ("prompt_tokens_details", "cache_write_tokens"),
    ("cache_creation_input_tokens",), ("cacheWriteInputTokens",), ("cache_write_tokens",),
)  # fmt: skip
_WRITE_5M: tuple[_Path, ...] = (
    ("cache_creation", "ephemeral_5m_input_tokens"), ("input_token_details", "ephemeral_5m_input_tokens"),
)  # fmt: skip
_WRITE_1H: tuple[_Path, ...] = (
    ("cache_creation", "ephemeral_1h_input_tokens"), ("input_token_details", "ephemeral_1h_input_tokens"),
)  # fmt: skip
_REASONING: tuple[_Path, ...] = (
    ("output_token_details", "reasoning"), ("output_tokens_details", "reasoning_tokens"),
    ("completion_tokens_details", "reasoning_tokens"), ("reasoning_output_tokens",),
)  # fmt: skip
# Counted beside the output and the input, not within them, wherever they are reported.
_THOUGHTS: tuple[_Path, ...] = (("thoughtsTokenCount",), ("thoughts_token_count",))
_TOOL_INPUT: tuple[_Path, ...] = (("toolUsePromptTokenCount",), ("tool_use_prompt_token_count",))
_SEARCHES: tuple[_Path, ...] = (("server_tool_use", "web_search_requests"),)
_IN_A_RESPONSE = ("usage", "usageMetadata", "usage_metadata")
_KINDS = {kind.value: kind for kind in CallKind} | {"summarization": CallKind.SUMMARISATION}


class Normalised(NamedTuple):
    """The records of a list of usage metadata, and how many entries of it were null and skipped."""

    records: list[UsageRecord]
    skipped: int


def normalise(
    usage: Mapping[str, Any],
    *,
    provider: str = "",
    convention: Convention | str | None = None,
    strict: bool = False,
    warn: _Warn | None = None,
    **where: Any,
) -> UsageRecord:
    """Return the record of one call.

    Args:
        usage: usage metadata with nested details or with top-level cache counts; a provider's own response, or the
            usage in it; or a record as `UsageRecord.as_json` writes it, which is taken as it is.
        provider: who served the call, unless the metadata says.
        convention: whether the input includes cached tokens; without it the provider's rule decides. If there is none
            either, the cached tokens are taken to be beside the input, and `warn` is told.
        strict: whether more cached tokens than input tokens that include them are an error; else they are taken as
            all of the input, and `warn` is told.
        warn: called with what is doubtful.
        where: other fields of the record (`call`, `run`, `model`, `owner`, …), where the metadata does not say.

    Raises:
        InvalidUsage: a number is negative, not finite, no number, a bool or None; it names the field. In a response,
            a cache or detail count that is null is one that was not reported. Or the convention is none.
    """
    told = warn or _nowhere
    convention = _convention(convention)
    if not isinstance(usage, Mapping):
        raise InvalidUsage("usage", "an object with counts of tokens", usage)
    if "input" in usage and "output" in usage:
        written = UsageRecord.from_json(usage)
        written.check_flags()
        return _with(written, {"provider": provider, **where})
    response = next((usage[key] for key in _IN_A_RESPONSE if isinstance(usage.get(key), Mapping)), None)
    if response is not None:
        facts = _facts_of(usage)
        # The model that answered is the response's to say; which call it was, the caller's.
        where = {
            **facts,
            **{name: value for name, value in where.items() if value and not (name == "model" and facts["model"])},
        }
        usage = _without_nulls(response)
    return _record(_Reading(usage, strict, told), provider, convention, where)


def normalise_all(
    usages: Iterable[Mapping[str, Any] | None] | None, *, warn: _Warn | None = None, **options: Any
) -> Normalised:
    """Return the records of all calls; entries that are null are skipped and counted.

    Args:
        usages: metadata of each call; None for none.
        warn: called with what is doubtful.
        options: as for `normalise`. Records without a call id get one by their place: `1`, `2`, …

    Raises:
        InvalidUsage: as for `normalise`.
    """
    records, skipped = [], 0
    for number, usage in enumerate(usages or (), 1):
        if usage is None:
            skipped += 1
            continue
        record = normalise(usage, warn=warn, **options)
        records.append(record if record.call else record._replace(call=str(number)))
    return Normalised(records, skipped)


def _convention(given: Convention | str | None) -> Convention | None:
    # A text that is none would count cached tokens twice, or not at all, in silence.
    if given is not None and given not in tuple(Convention):
        raise InvalidUsage("convention", " or ".join(Convention), given)
    return None if given is None else Convention(given)


class _Reading:
    """Usage metadata, read by any of the spellings of a count.

    Args:
        usage: the metadata.
        strict: whether what cannot be is an error.
        warn: told of it otherwise, and of what is doubtful.
    """

    def __init__(self, usage: Mapping[str, Any], strict: bool, warn: _Warn) -> None:
        self.usage = usage
        self.strict = strict
        self.warn = warn

    def doubt(self, field: str, expected: str, got: int) -> None:
        """Tell of a number that cannot be; raises InvalidUsage if the reading is strict."""
        error = InvalidUsage(field, expected, got)
        if self.strict:
            raise error
        self.warn(str(error))

    def first(self, paths: Iterable[_Path]) -> int | None:
        """Return the first count that is more than zero; zero if there is only that, None if there is none."""
        found: int | None = None
        for path in paths:
            parent: Any = self.usage
            for key in path[:-1]:
                parent = parent.get(key) if isinstance(parent, Mapping) else None
            if isinstance(parent, Mapping) and path[-1] in parent:
                count = check_count(".".join(path), parent[path[-1]])
                found = found or count
        return found

    def count(self, paths: Iterable[_Path]) -> int:
        """Return the first count that is more than zero, else zero."""
        return self.first(paths) or 0

    def text(self, *keys: str) -> str:
        """Return the first of these keys that holds a text."""
        return next((value for key in keys if isinstance(value := self.usage.get(key), str)), "")


def _record(counts: _Reading, provider: str, convention: Convention | None, where: Mapping[str, Any]) -> UsageRecord:
    reported, produced = counts.first(_INPUT), counts.first(_OUTPUT)
    if reported is None and produced is None and counts.first(_TOTAL) is None:
        found = ", ".join(map(str, counts.usage)) or "nothing"
        raise InvalidUsage("usage", "an object with counts of tokens, such as input_tokens and output_tokens", found)
    provider = provider_id(counts.text("provider") or provider)
    read = counts.count(_CACHE_READ)
    write, write_5m, write_1h = counts.count(_CACHE_WRITE), counts.count(_WRITE_5M), counts.count(_WRITE_1H)
    if not write_5m and not write_1h:
        write_5m = write
    cached = read + write_5m + write_1h
    told = (reported or 0) + counts.count(_TOOL_INPUT)
    if _is_inclusive(provider, convention, cached, counts.warn):
        uncached, total_input = _within(counts, told, cached), max(told, cached)
    else:
        uncached, total_input = told, told + cached
    thoughts = counts.count(_THOUGHTS)
    output = (produced or 0) + thoughts
    # Some leave reasoning out of the output, or the whole output where all of it is reasoning; then only the total,
    # where there is one, tells of it. Without the input's count it may tell of that instead.
    left = max(0, counts.count(_TOTAL) - total_input - output)
    missing = left if reported is not None else 0
    if left > missing:
        counts.warn(_untold(left, produced))
    reasoning = max(counts.count(_REASONING), thoughts, missing)
    output += missing
    if reasoning > output:
        counts.doubt("reasoning tokens", f"a part of the {output} output tokens", reasoning)
        reasoning = output
    made = UsageRecord(
        call="", provider=provider, input=uncached, cache_read=read, cache_write_5m=write_5m, cache_write_1h=write_1h,
        output=output, reasoning=reasoning, web_searches=counts.count(_SEARCHES), model=counts.text("model"),
        agent=counts.text("agentId", "agent"), kind=_KINDS.get(counts.text("usage_type"), CallKind.MESSAGE),
    )  # fmt: skip
    if left and reported is None and produced is None:
        made = made.as_unmeasured()
    return _with(made, where)


def _untold(left: int, produced: int | None) -> str:
    """Return the warning of tokens that only a total tells of, and that may be input, output or reasoning."""
    which = "the call is recorded as unmeasured" if produced is None else "they are not counted"
    absent = "input and none of output" if produced is None else "input"
    return f"the total holds {left} tokens that no count of {absent} tells of: {which}"


def _is_inclusive(provider: str, convention: Convention | None, cached: int, warn: _Warn) -> bool:
    chosen = convention or PROVIDER_RULES.get(provider)
    if chosen is None and cached:
        whose = f"no rule for the provider {provider}" if provider else "no provider"
        warn(f"{whose} and no convention given: the {cached} cached tokens are taken to be beside the input")
    return chosen is Convention.INCLUSIVE


def _within(counts: _Reading, told: int, cached: int) -> int:
    """Return what is left of an input that includes the cached tokens."""
    if cached > told:
        counts.doubt("cached tokens", f"a part of the {told} input tokens", cached)
    return max(0, told - cached)


def _with(record: UsageRecord, where: Mapping[str, Any]) -> UsageRecord:
    """Return the record with what it does not say itself taken from `where`."""
    given = {name: value for name, value in where.items() if value and not getattr(record, name)}
    # Every record has a kind, so only here what is given comes first.
    if where.get("kind") and record.kind is CallKind.MESSAGE:
        given["kind"] = CallKind(where["kind"])
    return record._replace(**given) if given else record


def _facts_of(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a response says of itself besides its usage."""
    facts: dict[str, Any] = {}
    for field, keys in (("call", ("id", "responseId", "requestId")), ("model", ("model", "modelVersion"))):
        facts[field] = next((value for key in keys if isinstance(value := response.get(key), str)), "")
    for key in ("created", "created_at"):
        seconds = response.get(key)
        if isinstance(seconds, int | float) and 0 < seconds < 1e11:
            facts["at"] = datetime.fromtimestamp(seconds, UTC)
    return facts


def _without_nulls(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage of a response without what is null; the counts of all input and output stay, to be refused."""
    whole = {path[0] for path in (*_INPUT, *_OUTPUT)}
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in usage.items()
        if value is not None or key in whole
    }


def _nowhere(text: str) -> None:
    """Tell nobody."""
