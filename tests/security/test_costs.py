"""Queries, shapes and templates that would take for ever, or all memory, are ended with an error, in time."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

import transmissions
from processors.nunjucks import rendered
from transmissions import BoundedFunction, StageError, TransmissionsError

TEN = "{1 2 3 4 5 6 7 8 9 10}"
EVER = [
    "SELECT (COUNT(*) AS ?n) { " + " ".join(f"VALUES ?v{number} {TEN}" for number in range(12)) + " }",
    f'ASK {{ FILTER(REGEX("{"a" * 60}!", "^(a+)+$")) }}',
    f'SELECT (REPLACE("{"a" * 60}!", "(a|aa)+$", "b") AS ?x) {{}}',
]
MEMORY = (
    "SELECT ?v40 { BIND(STRUUID() AS ?v0) "
    + " ".join(f"BIND(CONCAT(?v{number}, ?v{number}) AS ?v{number + 1})" for number in range(40))
    + " }"
)


def pipeline(folder: Path, query: str, timeout_s: float) -> transmissions.Pipeline:
    """Return a pipeline that asks a query of an empty graph."""
    (folder / "query.rq").write_text(query, encoding="utf-8")
    (folder / "ask.ttl").write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:ask) .\n"
        f':ask a :RDFQuery ; :settings [ :queryFile "query.rq" ; :timeout {timeout_s} ;\n'
        "    :maxMemoryBytes 999999999 ] .\n",
        encoding="utf-8",
    )
    return transmissions.load(folder / "ask.ttl")


@pytest.mark.parametrize("query", EVER)
def test_a_query_without_end_is_ended(tmp_path: Path, query: str) -> None:
    """Joins of values and patterns that explode end when their time is over, and the next query is answered."""
    ask = pipeline(tmp_path, query, 0.5)
    with pytest.raises(StageError, match=r"the query took more than 0.5 s; see :timeout"):
        ask.run(messages={"dataset": ""})


def test_a_query_that_takes_all_memory_is_ended(tmp_path: Path) -> None:
    """A text that doubles forty times is an error of that message, long before it is there."""
    with pytest.raises(StageError, match="memory"):
        pipeline(tmp_path, MEMORY, 30).run(messages={"dataset": ""})


@pytest.mark.parametrize("query", EVER)
def test_an_abort_does_not_wait_for_a_query(tmp_path: Path, query: str) -> None:
    """A run that is aborted ends, although its query would go on for an hour."""
    run = pipeline(tmp_path, query, 3600).start(messages={"dataset": ""})
    threading.Timer(0.2, run.abort).start()
    result = run.wait(timeout=20)
    assert result is not None
    assert result.status == "aborted"


SHAPES = [
    'sh:property [ sh:path <urn:p> ; sh:pattern "^(a+)+$" ]',
    'sh:sparql [ sh:message "m" ; sh:select "SELECT $this WHERE { $this <urn:p> ?o FILTER(REGEX(?o, '
    + "'^(a+)+$'))}\" ]",
]


def validating(folder: Path, shape: str, timeout_s: float) -> transmissions.Pipeline:
    """Return a pipeline that validates what has <urn:p>, and leaves out what cannot be validated."""
    (folder / "shapes.ttl").write_text(
        "@prefix sh: <http://www.w3.org/ns/shacl#> .\n"
        f"<urn:s> a sh:NodeShape ; sh:targetSubjectsOf <urn:p> ; {shape} .\n",
        encoding="utf-8",
    )
    (folder / "check.ttl").write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:check) .\n"
        ":check a :SHACLValidator ; :onError :skip ;\n"
        f'    :settings [ :shapesFile "shapes.ttl" ; :timeout {timeout_s} ] .\n',
        encoding="utf-8",
    )
    return transmissions.load(folder / "check.ttl")


HARD = {"dataset": f'<urn:a> <urn:p> "{"a" * 60}!" .\n'}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_without_end_is_ended(tmp_path: Path, shape: str) -> None:
    """A pattern, or a query in a shape, ends when its time is over, and the next graph is validated."""
    easy = {"dataset": '<urn:a> <urn:q> "b" .\n'}
    run = validating(tmp_path, shape, 0.5).start(messages=[HARD, easy], collect=True)
    assert [message["conforms"] for message in run.messages()] == [True]
    result = run.wait()
    assert result is not None
    assert [problem["text"] for problem in result.problems] == ["the validation took more than 0.5 s; see :timeout"]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_abort_does_not_wait_for_a_shape(tmp_path: Path, shape: str) -> None:
    """A run that is aborted ends, although its validation would go on for an hour."""
    run = validating(tmp_path, shape, 3600).start(messages=HARD)
    threading.Timer(1.0, run.abort).start()
    result = run.wait(timeout=20)
    assert result is not None
    assert result.status == "aborted"


def test_what_was_ended_is_begun_anew() -> None:
    """After a call that took too long the next one is answered, and not with what was left of the last."""
    ask = BoundedFunction("processors.rdf.queries:answer_of")
    question = {"graph": "", "field": "g", "union": False, "bindings": [], "max_rows": 5}
    try:
        with pytest.raises(TimeoutError):
            ask.call({**question, "query": EVER[1]}, 0.2)
        assert ask.call({**question, "query": "ASK {}"}, 60) == {"head": {}, "boolean": True}
        with pytest.raises(ValueError, match="the field g holds no graph"):
            ask.call({**question, "graph": "<", "query": "ASK {}"}, 60)
    finally:
        ask.close()


def test_any_time_may_be_given_and_what_is_no_json_is_an_error_of_its_message() -> None:
    """A bound that no clock holds is a long one; half a sign neither hangs nor ends the process that asks."""
    ask = BoundedFunction("processors.rdf.queries:answer_of")
    question = {"graph": "", "field": "g", "union": False, "bindings": [], "max_rows": 5, "query": "ASK {}"}
    try:
        assert ask.call(question, 1e300) == {"head": {}, "boolean": True}
        with pytest.raises(ValueError, match="cannot be handed over as JSON"):
            ask.call({**question, "graph": "\ud800"}, 60)
        assert ask.call(question, 60) == {"head": {}, "boolean": True}
    finally:
        ask.close()


@pytest.mark.skipif(os.name == "nt", reason="a process is looked for by its number")
def test_a_process_ends_with_its_owner() -> None:
    """Whoever forgets to close what asks leaves no process behind."""
    ask = BoundedFunction("os:getpgid")
    process = ask.call(0, 60)
    os.kill(process, 0)
    del ask
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


DOUBLED = "".join("{% set a = a ~ a %}" for _ in range(60))


@pytest.mark.parametrize(
    "template",
    [
        "{% set a = 'xxxxxxxx' %}" + DOUBLED + "{{ a | length }}",
        "{% set a = 'xxxxxxxx' %}" + DOUBLED.replace("~", "+") + "{{ a | length }}",
        "{% set a = [1] %}" + DOUBLED.replace("~", "+") + "{{ a | length }}",
        "{{ ('x' * 1000000) | replace('x', 'x' * 1000000) | length }}",
        "{{ ('x' * 1000000).replace('', 'x' * 1000000) | length }}",
        "{{ range(99999) | join('x' * 1000000) | length }}",
        "{{ ('x' * 1000000).join(['y'] * 1000000) | length }}",
        "{{ lipsum(1000000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_template_without_end_is_ended(template: str) -> None:
    """Texts that grow without measure are refused before they are there, and macros that call themselves."""
    with pytest.raises(TransmissionsError, match=r"million characters|undefined|recursion|more than"):
        rendered(template, {})


@pytest.mark.parametrize("escape", [False, True])
def test_texts_are_put_together_as_ever(escape: bool) -> None:
    """What bounds a template changes nothing of what it makes: escaping, numbers, truths and lists stand as before."""
    template = (
        "{{ a ~ 1 ~ b }}|{{ a + 'x' }}|{{ [a, 'y'] | join('-') }}|{{ a | replace('<', '>') }}|{{ ('<i>' | safe) ~ a }}"
    )
    made = rendered(template, {"a": "<", "b": True}, escape=escape)
    expected = "&lt;1true|&lt;x|&lt;-y|&gt;|<i>&lt;" if escape else "<1true|<x|<-y|>|<i><"
    assert made == expected
