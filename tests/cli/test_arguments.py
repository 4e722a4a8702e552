"""Binding the words of a command line to a pipeline's parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.cli.arguments import bind, missing, split_override, usage
from transmissions.errors import ParameterError
from transmissions.model import Parameter

PARAMETERS = (
    Parameter("source", "the export", required=True),
    Parameter("maxFiles", "how many", default="10", datatype="integer"),
    Parameter("dryish", "whether", datatype="boolean"),
    Parameter("layout", "which", choices=("flat", "deep")),
    Parameter("part", "what else", several=True),
)


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        ("", {}),
        ("a", {"source": "a"}),
        ("a 5", {"source": "a", "maxFiles": "5"}),
        ("--max-files 5 a", {"maxFiles": "5", "source": "a"}),
        ("--maxFiles=5 a", {"maxFiles": "5", "source": "a"}),
        ("--source a 5", {"source": "a", "maxFiles": "5"}),
        ("a -5", {"source": "a", "maxFiles": "-5"}),
        ("-", {"source": "-"}),
        ("--source -", {"source": "-"}),
        ("--source=--odd", {"source": "--odd"}),
        ("--source= 5", {"source": "", "maxFiles": "5"}),
        ("--dryish a", {"dryish": "true", "source": "a"}),
        ("--no-dryish a", {"dryish": "false", "source": "a"}),
        ("--dryish=yes", {"dryish": "yes"}),
        ("a=b", {"source": "a=b"}),
        ("--part a", {"part": "a"}),
        ("--part a --part=b x --part c", {"part": ["a", "b", "c"], "source": "x"}),
    ],
)
def test_words_fill_parameters(words: str, bound: dict[str, str | list[str]]) -> None:
    """Values fill the parameters in order, options by either form of their name; flags need no value, some repeat."""
    assert bind(PARAMETERS, words.split()) == bound


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sorce a", "no such option: --sorce; did you mean --source?"),
        ("--quite", "no such option: --quite; did you mean --quiet?"),
        ("--zzz", "no such option: --zzz; the pipeline's own options are shown by `trans run PIPELINE --help`"),
        ("--source", "--source needs a value; write --source=VALUE if it begins with --"),
        ("--source --dryish", "--source needs a value; write --source=VALUE if it begins with --"),
        ("--source a --source b", "--source is given twice"),
        ("--no-source", "no such option: --no-source; did you mean --source?"),
        (
            "1 2 --dryish b",
            "'b' is not one of flat, deep; it has no option before it and stands for --layout",
        ),
        ("1 2 3 4 5 6", "too many values: '6'; the pipeline takes SOURCE MAX-FILES DRYISH LAYOUT PART"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_hint(words: str, message: str) -> None:
    """A wrong command line is refused, and says what would be right."""
    with pytest.raises(ParameterError) as refused:
        bind(PARAMETERS, words.split(), options=["--quiet", "--report"])
    assert str(refused.value) == message


@given(st.lists(st.text(), max_size=4))
def test_words_behind_two_dashes_are_values(values: list[str]) -> None:
    """What stands behind `--` is taken as it is, whatever it looks like."""
    assert list(bind(PARAMETERS, [], values).values()) == values


@given(st.dictionaries(st.sampled_from([one.name for one in PARAMETERS]), st.text()))
def test_every_value_can_be_given_by_an_option(values: dict[str, str]) -> None:
    """`--name=value` passes any text on unchanged."""
    assert bind(PARAMETERS, [f"--{name}={value}" for name, value in values.items()]) == values


def test_what_is_required_is_missed() -> None:
    """A required parameter without a value or default is reported."""
    assert [one.name for one in missing(PARAMETERS, ["layout"])] == ["source"]
    assert missing(PARAMETERS, ["source"]) == []


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("write.maxBytes=10", ("write.max_bytes", "10")),
        (":write.max-bytes=a=b", ("write.max_bytes", "a=b")),
        ("outer/write.field=", ("outer/write.field", "")),
    ],
)
def test_overrides_name_stage_and_setting(text: str, split: tuple[str, str]) -> None:
    """`-s` takes the setting's name in any of its forms."""
    assert split_override(text) == split


@pytest.mark.parametrize("text", ["", "write", "write.field", "field=1", ".field=1", "write.=1"])
def test_overrides_written_otherwise_are_refused(text: str) -> None:
    """A malformed `-s` is refused with an example."""
    with pytest.raises(ParameterError, match=r"STAGE\.SETTING=VALUE"):
        split_override(text)


def test_usage_says_what_each_option_takes() -> None:
    """The pipeline's own help has its names, choices, defaults and comments."""
    assert usage(PARAMETERS) == [
        ("--source SOURCE", "the export  [required]"),
        ("--max-files MAX-FILES", "how many  [default: 10]"),
        ("--dryish / --no-dryish", "whether"),
        ("--layout flat|deep", "which"),
        ("--part PART", "what else  [may be repeated]"),
    ]
