"""Usage metadata of every provider becomes one record of buckets that do not overlap.

Numbers in brackets are those of the published cases of the chat application whose usage spending this one takes after.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.usage import (
    CallKind,
    Convention,
    InvalidUsage,
    UsageRecord,
    convention_of,
    displayed,
    normalise,
    normalise_all,
)

PLAIN = {"input_tokens": 100, "output_tokens": 20}
BAD = [-1, float("nan"), float("inf"), float("-inf"), "5", True, False, None, 0.5, [1], {}, 10**13, Decimal(3)]


def buckets(record: UsageRecord) -> tuple[int, int, int, int]:
    """Return uncached input, cache reads, cache writes and output."""
    return record.input, record.cache_read, record.cache_write, record.output


@pytest.mark.parametrize(
    ("usage", "options", "expected"),
    [
        pytest.param({"input_tokens": 100, "output_tokens": 50}, {}, (100, 0, 0, 50), id="[4] plain"),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 50, "input_token_details": {"cache_creation": 20, "cache_read": 10}},
            {}, (100, 10, 20, 50), id="[7, 26] nested cache counts, no provider: beside the input",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 50, "cache_creation_input_tokens": 25,
             "cache_read_input_tokens": 15},
            {}, (100, 15, 25, 50), id="[8, 27] top-level cache counts",
        ),
        pytest.param(
            {"input_tokens": 788, "output_tokens": 163, "input_token_details": {"cache_creation": 30808}},
            {"provider": "anthropic"}, (788, 0, 30808, 163), id="[25, 52] the first of nine cached calls",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 5, "input_token_details": {"cache_creation": 20, "cache_read": 10}},
            {"provider": "openAI"}, (70, 10, 20, 5), id="[later] OpenAI includes the cache: 70",
        ),
        pytest.param(
            {"input_tokens": 11125, "output_tokens": 5, "input_token_details": {"cache_read": 7441}},
            {"provider": "google"}, (3684, 7441, 0, 5), id="[later] Gemini 11125/7441",
        ),
        pytest.param(
            {"input_tokens": 5000, "output_tokens": 5, "input_token_details": {"cache_read": 4000}},
            {"provider": "vertexai"}, (1000, 4000, 0, 5), id="[later] Vertex 5000/4000",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 5, "input_token_details": {"cache_read": 150}},
            {"provider": "openai"}, (0, 150, 0, 5), id="[later] more cache than input: nothing is left",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 5, "cache_read_input_tokens": 40},
            {"provider": "anthropic", "convention": Convention.INCLUSIVE}, (60, 40, 0, 5),
            id="what is said explicitly wins over the provider's rule",
        ),
        pytest.param(
            {"inputTokens": 100, "outputTokens": 5, "totalTokens": 175, "cacheReadInputTokens": 50,
             "cacheWriteInputTokens": 20},
            {"provider": "bedrock"}, (100, 50, 20, 5), id="[later] Bedrock's cache is beside the input, and no output",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 50, "input_token_details": {"cache_read": 0},
             "cache_read_input_tokens": 15},
            {}, (100, 15, 0, 50), id="a nested zero says nothing; the top-level count does",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}, {}, (100, 0, 0, 50),
            id="the data of a Usage event",
        ),
        pytest.param(
            {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3, "reasoning_output_tokens": 1},
            {"provider": "openai"}, (6, 4, 0, 3), id="Codex",
        ),
        pytest.param({"prompt_eval_count": 7, "eval_count": 2}, {}, (7, 0, 0, 2), id="Ollama"),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 60,
             "prompt_cache_miss_tokens": 40},
            {"provider": "deepseek"}, (40, 60, 0, 5), id="DeepSeek",
        ),
    ],
)  # fmt: skip
def test_metadata_becomes_disjoint_buckets(
    usage: dict[str, Any], options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    """Every form is read; whether cached tokens are within the input is the provider's rule, or what is given."""
    assert buckets(normalise(usage, **options)) == expected


def test_one_form_means_two_numbers() -> None:
    """The same keys and counts are two different usages, by provider: nothing is concluded from the shape."""
    usage = {
        "input_tokens": 6300,
        "output_tokens": 200,
        "input_token_details": {"cache_read": 5000, "cache_creation": 300},
    }
    assert normalise(usage, provider="openai").input == 1000
    assert normalise(usage, provider="anthropic").input == 6300
    assert normalise({**usage, "provider": "openai"}, provider="anthropic").input == 1000


@pytest.mark.parametrize(
    ("provider", "convention"),
    [("Azure_OpenAI", "inclusive"), ("google-vertex", "inclusive"), ("xAI", "inclusive"), ("moonshot", "inclusive"),
     ("amazon_bedrock", "additive"), ("Anthropic", "additive"), ("mine", None), ("", None)],
)  # fmt: skip
def test_providers_are_known_by_their_usual_names(provider: str, convention: str | None) -> None:
    """A rule is found whatever way a provider's name is written; one that is not known has none."""
    assert convention_of(provider) == convention


def test_doubts_are_told_or_refused() -> None:
    """More cache than input, and cached tokens of an unknown provider, are told; strictly, the first is an error."""
    told: list[str] = []
    normalise({"input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 2}, provider="openai", warn=told.append)
    normalise({"input_tokens": 9, "output_tokens": 1, "cached_input_tokens": 2}, provider="mine", warn=told.append)
    assert [
        "cached tokens must be a part of the 1 input tokens" in told[0],
        "no rule for the provider mine" in told[1],
    ] == [
        True,
        True,
    ]
    with pytest.raises(InvalidUsage, match="cached tokens"):
        normalise({"input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 2}, provider="openai", strict=True)


@pytest.mark.parametrize(
    ("usage", "provider", "output", "reasoning"),
    [
        pytest.param({**PLAIN, "total_tokens": 150}, "vertexai", 50, 30, id="[later] a gap"),
        pytest.param({**PLAIN, "total_tokens": 120}, "openai", 20, 0, id="[later] no gap"),
        pytest.param({**PLAIN, "total_tokens": 0}, "google", 20, 0, id="[later] total 0"),
        pytest.param(PLAIN, "google", 20, 0, id="no total"),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 20, "total_tokens": 170, "input_token_details": {"cache_read": 50}},
            "bedrock", 20, 0, id="[later] cache beside the input is no reasoning",
        ),
        pytest.param(
            {"input_tokens": 9, "output_tokens": 20, "output_token_details": {"reasoning": 15}}, "openai", 20, 15,
            id="reasoning is a part of the output",
        ),
        pytest.param(
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 22},
            "google", 12, 7, id="Gemini counts thoughts beside the answer",
        ),
    ],
)  # fmt: skip
def test_missing_reasoning_is_found_in_the_total_alone(
    usage: dict[str, Any], provider: str, output: int, reasoning: int
) -> None:
    """Only what a total leaves over, cache taken off, is added to the output, as reasoning."""
    record = normalise(usage, provider=provider)
    assert (record.output, record.reasoning) == (output, reasoning)


def test_a_total_alone_is_no_reasoning() -> None:
    """What a total holds beside the input's count is output; without that count, it is told of and not billed."""
    told: list[str] = []
    known = {"promptTokens": 1000, "completionTokens": 50, "totalTokens": 1050}
    assert buckets(normalise(known, warn=told.append)) == (1000, 0, 0, 50)
    assert told == []
    thought = normalise({"prompt_tokens": 400, "total_tokens": 500}, warn=told.append)
    assert (buckets(thought), thought.reasoning, thought.unmeasured) == ((400, 0, 0, 100), 100, False)
    assert told == []
    half = normalise({"output_tokens": 400, "total_tokens": 500}, warn=told.append)
    assert (buckets(half), half.reasoning, half.unmeasured) == ((0, 0, 0, 400), 0, False)
    alone = normalise({"total_tokens": 500}, warn=told.append, call="c", owner="lab")
    assert alone == UsageRecord("c", owner="lab", unmeasured=True)
    assert told == [
        "the total holds 100 tokens that no count of input tells of: they are not counted",
        "the total holds 500 tokens that no count of input and none of output tells of: "
        "the call is recorded as unmeasured",
    ]
    assert not normalise({"total_tokens": 0}).unmeasured


def test_responses_are_read_whole() -> None:
    """A provider's own response gives id, model, time and counts; details that are null were not reported."""
    openai = {
        "id": "chatcmpl-1", "model": "gpt-4o-2024-11-20", "created": 1760000000,
        "usage": {"prompt_tokens": 6300, "completion_tokens": 200, "total_tokens": 6500,
                  "prompt_tokens_details": {"cached_tokens": 5000, "audio_tokens": None},
                  "completion_tokens_details": None},
    }  # fmt: skip
    record = normalise(openai, provider="openai", model="gpt-4o", run="r")
    assert (record.call, record.run, record.model, buckets(record)) == (
        "chatcmpl-1",
        "r",
        "gpt-4o-2024-11-20",
        (1300, 5000, 0, 200),
    )
    assert record.at is not None
    assert record.at.isoformat() == "2025-10-09T08:53:20+00:00"
    anthropic = {
        "id": "msg_1", "type": "message", "model": "claude-sonnet-4-5-20250929",
        "usage": {"input_tokens": 1000, "output_tokens": 200, "cache_creation_input_tokens": 300,
                  "cache_read_input_tokens": None, "server_tool_use": {"web_search_requests": 2},
                  "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}},
    }  # fmt: skip
    record = normalise(anthropic, provider="anthropic", call="mine")
    assert record[4:11] == (1000, 0, 100, 200, 200, 0, 2)
    assert record.call == "mine"
    responses = {"id": "resp_1", "model": "o3", "created_at": 1760000000.0, "usage": {
        "input_tokens": 50, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 25}, "total_tokens": 80}}  # fmt: skip
    record = normalise(responses, provider="openai")
    assert (buckets(record), record.reasoning) == ((30, 20, 0, 30), 25)
    gemini = {"responseId": "g1", "modelVersion": "gemini-2.5-pro", "usageMetadata": {
        "promptTokenCount": 11125, "cachedContentTokenCount": 7441, "candidatesTokenCount": 10,
        "toolUsePromptTokenCount": 5, "totalTokenCount": 11140}}  # fmt: skip
    record = normalise(gemini, provider="gemini")
    assert (record.call, record.model, buckets(record)) == ("g1", "gemini-2.5-pro", (3689, 7441, 0, 10))


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize(
    ("field", "usage"),
    [
        ("input_tokens", {"output_tokens": 1}),
        ("output_tokens", {"input_tokens": 1}),
        ("total_tokens", {"input_tokens": 1, "output_tokens": 1}),
        ("cache_read_input_tokens", {"input_tokens": 1, "output_tokens": 1}),
        ("cache_creation_input_tokens", {"input_tokens": 1, "output_tokens": 1}),
    ],
)
def test_bad_numbers_are_refused_by_name(field: str, usage: dict[str, Any], bad: Any) -> None:
    """A count that is negative, not finite, a text, a bool or null is an error that names its field [59, 76; R49].

    The original took -5 for 5, or for 0, and dropped what was not a number without a word.
    """
    with pytest.raises(InvalidUsage, match=field):
        normalise({**usage, field: bad})


def test_bad_numbers_in_details_are_refused_by_name() -> None:
    """A bad number in a nested object is named with its path; a null input count is an error in a response too."""
    with pytest.raises(InvalidUsage, match=r"input_token_details\.cache_read"):
        normalise({"input_tokens": 1, "output_tokens": 1, "input_token_details": {"cache_read": "x"}})
    with pytest.raises(InvalidUsage, match="prompt_tokens"):
        normalise({"usage": {"prompt_tokens": None, "completion_tokens": 1}})
    with pytest.raises(InvalidUsage, match="counts of tokens"):
        normalise({"tokens": 5})


@pytest.mark.parametrize(("usages", "count", "skipped"), [([], 0, 0), (None, 0, 0), ([{}, None, {}], 2, 1)])
def test_lists_skip_what_is_null(usages: Any, count: int, skipped: int) -> None:
    """An empty list or null has no records; null entries are skipped and counted [1, 2, 3, 13, 14, 16]."""
    filled = usages and [one if one is None else {"input_tokens": 1, "output_tokens": 1} for one in usages]
    found = normalise_all(filled)
    assert (len(found.records), found.skipped) == (count, skipped)
    assert len({record.call for record in found.records}) == count


def test_the_model_of_the_usage_comes_first() -> None:
    """Each call keeps its own model; what is given is for those that name none [5, 6, 31–34, 51, 53]."""
    usages = [{"input_tokens": 1, "output_tokens": 1, "model": "a"}, {"input_tokens": 1, "output_tokens": 1}]
    assert [record.model for record in normalise_all(usages, model="fallback").records] == ["a", "fallback"]


def calls(*pairs: tuple[int, int], **more: Any) -> list[UsageRecord]:
    """Return records of calls with these inputs and outputs."""
    return [UsageRecord(str(n), "r", input=given, output=made, **more) for n, (given, made) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("pairs", "shown"),
    [
        pytest.param([(100, 50)], (100, 50), id="[15]"),
        pytest.param([(100, 50), (150, 30), (180, 20)], (100, 100), id="[17] one after the other"),
        pytest.param([(100, 50), (80, 40)], (100, 90), id="[18] parallel, the second with the smaller prompt"),
        pytest.param([(200, 100), (50, 30)], (200, 130), id="[19]"),
        pytest.param([(100, 50), (90, 60), (80, 40)], (100, 150), id="[20]"),
        pytest.param([(9000, 500), (10, 25), (5, 50)], (9000, 575), id="[21]"),
        pytest.param([(263406, 257)], (263406, 257), id="[23]"),
        pytest.param([(31596, 151), (28000, 150)], (31596, 301), id="[24]"),
        pytest.param([], (0, 0), id="[13] none"),
    ],
)
def test_what_is_shown_of_an_answer(pairs: list[tuple[int, int]], shown: tuple[int, int]) -> None:
    """Shown are the first call's input and all outputs, as many as the calls are [17–25, R41]."""
    found = displayed(calls(*pairs))
    assert (found.input, found.output) == shown


def test_what_is_shown_holds_cache_and_leaves_agents_out() -> None:
    """Cached input counts as input [30]; sub-agents are billed and shown apart, also when they come first."""
    main = UsageRecord("m", input=100, cache_read=10, cache_write_5m=20, output=5)
    agent = UsageRecord("a", input=7, output=70, kind=CallKind.SUBAGENT)
    summary = UsageRecord("s", input=50, output=3, kind=CallKind.SUMMARISATION)
    for order in itertools.permutations([main, agent, summary]):
        found = displayed(order)
        assert (found.input, found.output, found.agents_input, found.agents_output) == (130, 8, 7, 70)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(list(CallKind))), max_size=6
    ).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found)))
)
def test_what_is_shown_is_never_negative(orders: Any) -> None:
    """In any order nothing shown is negative, and the outputs are the same."""
    one, two = (
        displayed(
            UsageRecord(str(n), input=given, output=made, kind=kind) for n, (given, made, kind) in enumerate(order)
        )
        for order in orders
    )
    assert min(one.input, one.output, one.agents_input, one.agents_output) >= 0
    assert (one.output, one.agents_output, one.agents_input) == (two.output, two.agents_output, two.agents_input)
    assert one.output + one.agents_output == sum(made for _, made, _ in orders[0])


@given(
    st.dictionaries(
        st.sampled_from(["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"]), st.integers(0, 10**9)
    )
)
def test_a_record_is_read_back_as_it_was_written(counts: dict[str, int]) -> None:
    """`from_json` and `normalise` give back what `as_json` wrote."""
    record = UsageRecord("c", "r", "m", "p", owner="o", kind=CallKind.SUBAGENT, **counts)  # type: ignore[arg-type]
    assert UsageRecord.from_json(record.as_json()) == record == normalise(record.as_json())
    assert record.total_tokens == sum(counts.values())


def test_a_convention_is_given_by_name_or_refused() -> None:
    """Its text means the same as the member; one that is none is an error, since it would misprice in silence."""
    usage = {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 5}
    assert normalise(usage, convention="inclusive") == normalise(usage, convention=Convention.INCLUSIVE)
    assert normalise(usage, convention="inclusive").input == 5
    with pytest.raises(InvalidUsage, match="convention must be inclusive or additive, got 'inclusiv'"):
        normalise(usage, convention="inclusiv")
