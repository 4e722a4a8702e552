"""SPARQL against a real server: what templates make of values, who may be asked, and what is told when it fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transmissions
from processors.sparql.templates import filled
from transmissions import StageError, TransmissionsError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
INSERT = 'INSERT DATA { GRAPH <{{ graph }}> { <{{ uri }}> <urn:title> "{{ title }}" ; <urn:n> {{ n }} } }'
SELECT = "SELECT ?s ?t ?n WHERE { GRAPH <{{ graph }}> { ?s <urn:title> ?t ; <urn:n> ?n } } ORDER BY ?s"


def run(folder: Path, processor: str, options: str, message: dict[str, Any], hosts: list[str] | None = None) -> Any:
    """Run a stage alone and return what leaves it."""
    (folder / "p.ttl").write_text(
        f"{PREFIX}:p a :Transmission ; :pipe (:a) . :a a :{processor} ; :settings [ {options} ] .", encoding="utf-8"
    )
    pipeline = transmissions.load(folder / "p.ttl")
    return list(pipeline.stream(messages=message, allow_hosts=["127.0.0.1"] if hosts is None else hosts))


def test_an_update_is_done_and_a_query_finds_it(server: Any, tmp_path: Path) -> None:
    """What SPARQLUpdate wrote, SPARQLSelect reads, as the standard's JSON or as plain objects."""
    (tmp_path / "u.njk").write_text(INSERT)
    block = {"uri": "http://example.org/a b", "title": 'say "hi"\n', "n": 5}
    update = f':endpoint "{server.address}/update" ; :templateFilename "u.njk" ; :graph "urn:g"'
    (left,) = run(tmp_path, "SPARQLUpdate", update, {"contentBlocks": block})
    assert left == {"contentBlocks": block, "updateStatus": "success"}
    (tmp_path / "q.njk").write_text(SELECT)
    query = f':endpoint "{server.address}/query" ; :templateFilename "q.njk" ; :graph "urn:g"'
    (left,) = run(tmp_path, "SPARQLSelect", query, {})
    (row,) = left["queryResults"]["results"]["bindings"]
    assert row["t"]["value"] == 'say "hi"\n'
    (left,) = run(tmp_path, "SPARQLSelect", query + ' ; :answer "rows"', {})
    assert left["queryResults"] == [{"s": "http://example.org/a%20b", "t": 'say "hi"\n', "n": 5}]


def test_a_form_is_sent_if_asked(server: Any, tmp_path: Path) -> None:
    """`:sparqlUseForm` sends the query as a form's field; otherwise it is the body."""
    options = f':endpoint "{server.address}/query" ; :template "ASK {{}}"'.replace("{{}}", "{}")
    for form, kind in (
        ("", "application/sparql-query"),
        (" ; :sparqlUseForm true", "application/x-www-form-urlencoded"),
    ):
        (left,) = run(tmp_path, "SPARQLSelect", options + form, {})
        assert left["queryResults"]["boolean"] is True
        assert server.requests[-1] == ("query", kind, "ASK {}")


def test_the_server_stands_in_a_file(
    serve: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original's file of endpoints is read; a password in it may be a variable's, and is in no error."""
    monkeypatch.setenv("SPARQL_PASSWORD", "canary-81239")
    with serve("canary-81239") as server:
        listed = [
            {"type": "update", "url": f"{server.address}/update"},
            {
                "type": "query",
                "url": f"{server.address}/query",
                "credentials": {"user": "user", "password": "{{ env.SPARQL_PASSWORD }}"},
            },
        ]
        (tmp_path / "endpoints.json").write_text(json.dumps(listed))
        options = ':endpointSettings "endpoints.json" ; :template "ASK {}"'
        (left,) = run(tmp_path, "SPARQLSelect", options, {})
        assert left["queryResults"]["boolean"] is True
        with pytest.raises(StageError, match="the server answered 401 Unauthorized: who are you") as refused:
            run(tmp_path, "SPARQLUpdate", options, {})
        assert "canary" not in str(refused.value)


def test_what_the_server_refuses_is_an_error(server: Any, tmp_path: Path) -> None:
    """A refusal is told with what the server said; no answer at all with the address; another host is not asked."""
    with pytest.raises(StageError, match="the server answered 400 Bad Request: cannot be parsed"):
        run(tmp_path, "SPARQLUpdate", f':endpoint "{server.address}/update" ; :template "INSERT"', {})
    with pytest.raises(StageError, match="refused: this run may not connect to it; --allow-host"):
        run(tmp_path, "SPARQLSelect", f':endpoint "{server.address}/query" ; :template "ASK {{}}"', {}, hosts=[])
    with pytest.raises(StageError, match="the answer is no result of a query"):
        run(tmp_path, "SPARQLSelect", f':endpoint "{server.address}/update" ; :template "CLEAR ALL"', {})
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (':template "ASK {}"', "no server is named"),
        (':endpoint "http://127.0.0.1/"', "no template is named"),
        (':endpoint "http://127.0.0.1/" ; :templateFilename "gone"', "no such template"),
        (':endpointSettings "gone.json" ; :template "ASK {}"', "gone.json: cannot be read"),
        (':endpointSettings "p.ttl" ; :template "ASK {}"', "not valid JSON"),
        (':endpointSettings "empty.json" ; :template "ASK {}"', 'no object with "type": "query"'),
    ],
)
def test_what_is_missing_is_told_before_the_first_message(tmp_path: Path, options: str, said: str) -> None:
    """Server and template are looked for when the run starts."""
    (tmp_path / "empty.json").write_text("[{}]")
    with pytest.raises(StageError, match=said):
        run(tmp_path, "SPARQLSelect", options, {})


def asked(query: str) -> str:
    """Return the one value that a query finds."""
    found = pyoxigraph.Store().query(query)
    assert isinstance(found, pyoxigraph.QuerySolutions)
    (solution,) = found
    return str(solution["v"].value)


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ['"', "'''", '"""', "\\", '\\"', "\\u0022", "\\\\u0022", "\\U00000022", "\\u000a", '" } ; DROP ALL #', "{{ x }}"]
)


@settings(max_examples=150, deadline=None)
@given(value=VALUES, quotes=st.sampled_from(['"', "'", '"""', "'''"]))
def test_a_value_between_quotes_is_that_value(value: str, quotes: str) -> None:
    """Whatever a message holds arrives as it is, and never as a part of the statement."""
    # Line ends inside of long quotes are those of the file; all others are escaped.
    query = filled(f"SELECT ({quotes}{{{{ x }}}}{quotes} AS ?v) WHERE {{}}", {"x": value})
    assert asked(query) == value


@settings(max_examples=80, deadline=None)
@given(value=VALUES)
def test_a_value_in_an_address_stays_in_it(value: str) -> None:
    """An address ends where the template ends it: what may not stand in one is written as its bytes."""
    query = filled("SELECT (STR(<http://example.org/{{ x }}>) AS ?v) WHERE {}", {"x": value})
    try:
        found = pyoxigraph.Store().query(query)
    except SyntaxError as error:
        # Signs that may stand in some part of an address, but not in this one.
        assert re.search(r"[\[\]#]", value), error
        return
    assert isinstance(found, pyoxigraph.QuerySolutions)
    (solution,) = found
    assert unquote(solution["v"].value) == unquote(f"http://example.org/{value}")


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        ("LIMIT {{ n }}", {"n": 10}, "LIMIT 10"),
        ("ORDER BY {{ n }}(?x)", {"n": "DESC"}, "ORDER BY DESC(?x)"),
        ("FILTER(?x < {{ n }})", {"n": 1.5}, "FILTER(?x < 1.5)"),
        ('FILTER(?x <{{ n }} && ?y = "{{ t }}")', {"n": 1, "t": '"'}, 'FILTER(?x <1 && ?y = "\\"")'),
        ("# it's {{ t }}\n{{ n }}", {"t": "a\nb", "n": 1}, "# it's a b\n1"),
        ("{{- n -}} ; <{{ a }}/{{ b }}>", {"n": 1, "a": "urn:a", "b": ">x"}, "1; <urn:a/%3Ex>"),
        ('"\\"{{ t }}" {{ n }}', {"t": "'", "n": 2}, '"\\"\\\'" 2'),
        ("{{ t | dump }}", {"t": 'a"b'}, '"a\\"b"'),
        ("{{ t | safe }}", {"t": "?s ?p ?o"}, "?s ?p ?o"),
        ('"{{ gone }}"', {}, '""'),
        ("{% for x in l %}<{{ x }}> {% endfor %}", {"l": ["urn:a", "urn:b c"]}, "<urn:a> <urn:b%20c> "),
    ],
)
def test_values_are_escaped_for_where_they_stand(template: str, data: dict[str, Any], expected: str) -> None:
    """Numbers and names stand bare, texts between quotes, addresses in their signs, comments on their line."""
    assert filled(template, data) == expected


@pytest.mark.parametrize(
    "value", ["1 } ; DROP ALL", "?x . ?y", "a b", "", '"x"', "<urn:x>", "x)", "#", [1], {"a": 1}, None]
)
def test_what_may_not_stand_bare_is_refused(value: Any) -> None:
    """Outside of quotes only a number or one plain name may stand; all else is an error that says what to do."""
    with pytest.raises(TransmissionsError, match="outside of quotes"):
        filled("LIMIT {{ n }}", {"n": value})
