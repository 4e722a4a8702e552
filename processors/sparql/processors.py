"""SPARQLSelect and SPARQLUpdate: ask a SPARQL server, and change what it holds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson

from processors.rdf.queries import rows_of
from processors.sparql.server import SPARQLProcessor
from transmissions import Message, TransmissionsError, set_field, setting

__all__ = ["SPARQLSelect", "SPARQLUpdate"]

_JSON = "application/sparql-results+json, application/json;q=0.9"


class SPARQLSelect(SPARQLProcessor):
    r"""Ask a SPARQL server with a query that a template makes, and take its answer into `queryResults`.

    The template is in the dialect of Nunjucks. It knows the message's fields, the members of the field that
    `:dataField` names, `graph`, and `startDate`, the time a day ago. Every value is escaped for where it stands:
    between quotes as a part of the text, between < and > as a part of the address; elsewhere only numbers and plain
    names are let in. `{{ name | safe }}` stands as it is. The answer is in SPARQL's JSON form, or with `:answer "rows"`
    a list of plain objects. The server's host has to be allowed: `trans run --allow-host HOST`.

    Example:
        :stage a :SPARQLSelect ; :settings [
            :endpoint "http://localhost:8080/query" ;
            :templateFilename "by-title.rq" ;
            :answer "rows"
        ] .
        with --allow-host localhost
        file by-title.rq "SELECT ?book WHERE { ?book <urn:title> \"{{ title }}\" }"
        file data.ttl "<urn:b1> <urn:title> \"Pipes\" ."
        in {"title": "Pipes"}
        out {"title": "Pipes", "queryResults": [{"book": "urn:b1"}]}

    Guarantee: pure, as far as the server is.
    """

    operation = "query"
    media_type = "application/sparql-query"
    takes_done = True

    data_field: str = setting("", "field whose members the template knows by their names, as a dotted path")
    target_field: str = setting("queryResults", "field that receives the answer", writes=True, fixed=True)
    answer: Literal["json", "rows"] = setting("json", "the form of the answer", fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the answer."""
        day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
        known = {"startDate": day_ago, **self.members(message, self.data_field)}
        content = self.ask(message, known, _JSON)
        try:
            answer = orjson.loads(content)
            if not isinstance(answer, dict) or not ("results" in answer or "boolean" in answer):
                raise ValueError("it has neither results nor a boolean")
        except ValueError as error:
            raise TransmissionsError(f"{self._server.url}: the answer is no result of a query: {error}") from None
        set_field(message, self.target_field, rows_of(answer) if self.answer == "rows" else answer)
        return message


class SPARQLUpdate(SPARQLProcessor):
    r"""Change what a SPARQL server holds, with an update that a template makes of the message.

    The template is filled as that of SPARQLSelect, with the members of the field that `:dataBlock` names. An update
    that the server refuses is an error of that message. An update is sent once: if no answer comes, it may have been
    done. The server's host has to be allowed: `trans run --allow-host HOST`.

    Example:
        :stage a :SPARQLUpdate ; :settings [
            :endpoint "http://localhost:8080/update" ;
            :templateFilename "insert.ru"
        ] .
        with --allow-host localhost
        file insert.ru "INSERT DATA { <{{ address }}> <urn:title> \"{{ title }}\" }"
        file data.ttl ""
        in {"contentBlocks": {"address": "urn:b1", "title": "Pipes"}}
        out {"contentBlocks": {"address": "urn:b1", "title": "Pipes"}, "updateStatus": "success"}
        written data.ttl "<urn:b1> <urn:title> \"Pipes\" .\n"

    Guarantee: that of the update; `INSERT DATA` and `DELETE DATA` are idempotent.
    """

    operation = "update"
    media_type = "application/sparql-update"
    writes = ("updateStatus",)

    data_block: str = setting("contentBlocks", "field whose members the template knows by their names")
    escape: bool = setting(True, "has no effect: values are always escaped for where they stand", fixed=True)
    no_cache: bool = setting(False, "has no effect: a template's file is read again when it has changed", fixed=True)
    delay: float = setting(0, "milliseconds to wait before each update", minimum=0)

    def process(self, message: Message) -> Message:
        """Return the message with `updateStatus`."""
        if self.delay:
            time.sleep(self.delay / 1000)
        self.ask(message, self.members(message, self.data_block), "*/*")
        message["updateStatus"] = "success"
        return message
