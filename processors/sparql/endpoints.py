"""A processor that writes the file of addresses that SPARQLSelect and SPARQLUpdate read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import orjson

from transmissions import Message, Processor, TransmissionsError, setting

__all__ = ["EndpointsGenerator"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EndpointsGenerator(Processor):
    r"""Write the file of a SPARQL server's addresses that `:endpointSettings` of SPARQLSelect and SPARQLUpdate names.

    The server keeps its data sets apart by name, as Fuseki does: the queries to `data` go to `data/query`, the updates
    to `data/update`. The file holds no password and no user: it names the variables of the environment that hold them,
    which are read when a server is asked. Those stages look for the file before the first message, so let a run of its
    own write it.

    Example:
        :stage a :EndpointsGenerator ; :settings [ :dataset "notes" ] .
        in {}
        out {"endpoints": ["http://localhost:3030/notes/query", "http://localhost:3030/notes/update"]}
        written endpoints.json "[\n  {\n    \"name\": \"notes query\",\n    \"type\": \"query\",\n…
            \"credentials\": {\n      \"user\": \"{{ env.SPARQL_USER }}\",\n…
            \"password\": \"{{ env.SPARQL_PASSWORD }}\"\n…"

    Guarantee: idempotent: a file that holds the addresses already is left alone.
    """

    overridable = False
    writes: ClassVar[tuple[str, ...]] = ("endpoints",)

    dataset: str = setting(doc="the data set's name at the server")
    destination_file: str = setting("endpoints.json", "the file, in the target's folder, or the application's")
    server: str = setting("http://localhost:3030/", "address that the data set's begin with")
    user_variable: str = setting(
        "SPARQL_USER", "the variable of the environment that holds the user's name; empty for a server that asks nobody"
    )
    password_variable: str = setting("SPARQL_PASSWORD", "the variable of the environment that holds the password")

    def start(self) -> None:
        """Check what goes into the file, before the first message."""
        for name in (self.user_variable, self.password_variable) if self.user_variable else ():
            if not _NAME.fullmatch(name):
                raise TransmissionsError(f"{name} is no name of a variable of the environment")
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TransmissionsError(f"the address {parts.scheme}://… is none that begins with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise TransmissionsError("refused: :server holds who asks; :userVariable and :passwordVariable name that")

    def process(self, message: Message) -> Message:
        """Write the file, and return the message with the addresses."""
        listed = [self._endpoint(operation) for operation in ("query", "update")]
        # Where SPARQLSelect looks for it.
        root = self.context.application.root if self.context.application else Path()
        output, path = self.context.destination(root / self.destination_file)
        text = orjson.dumps(listed, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        done = output.write(path, text, owner=self.context.stage)
        self.outputs[done] = self.outputs.get(done, 0) + 1
        message["endpoints"] = [one["url"] for one in listed]
        return message

    def _endpoint(self, operation: str) -> dict[str, Any]:
        address = f"{self.server.rstrip('/')}/{quote(self.dataset, safe='')}/{operation}"
        made: dict[str, Any] = {"name": f"{self.dataset} {operation}", "type": operation, "url": address}
        if self.user_variable:
            names = {"user": self.user_variable, "password": self.password_variable}
            made["credentials"] = {what: f"{{{{ env.{name} }}}}" for what, name in names.items()}
        return made
