"""A SPARQL server as a stage knows it: its addresses, who asks, and its answers."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import orjson

from processors.sparql.templates import filled
from transmissions import Duration, Fetcher, Message, Processor, TransmissionsError, get_field, reason_of, setting
from transmissions.secrets import remember

__all__ = ["Endpoint", "SPARQLProcessor"]

_VARIABLE = re.compile(r"\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_SHOWN = 300


@dataclass(frozen=True)
class Endpoint:
    """Where a server takes queries or updates, and with which name and password."""

    url: str
    user: str = ""
    password: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        if not self.user:
            return {}
        remember(self.password)
        given = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        remember(given)
        return {"authorization": f"Basic {given}"}


class SPARQLProcessor(Processor):
    """What the processors of SPARQL have in common: the server, the template, and the way to ask."""

    operation: ClassVar[str]
    media_type: ClassVar[str]

    endpoint: str = setting("", "the server's address for this; `:endpointSettings` need not be given then", fixed=True)
    endpoint_settings: Path | None = setting(
        None,
        "a JSON file with a list of objects: `type` query or update, `url`, and perhaps `credentials` with `user` and "
        "`password`, each a text or `{{ env.NAME }}`",
        fixed=True,
    )
    user: str = setting("", "whom the server asks for, if it does", fixed=True)
    password: str = setting("", "what it asks for then: `{{ env.NAME }}`", fixed=True)
    template_filename: Path | None = setting(None, "the template's file", fixed=True)
    template: str = setting("", "the template itself, instead of a file", fixed=True)
    target_path: Path | None = setting(None, "folder that relative files start from, instead", fixed=True)
    graph: str = setting("", "an address that the template knows as `graph`")
    sparql_use_form: bool = setting(False, "whether to send it as a form does, for servers that take nothing else")
    timeout: Duration = setting(60.0, "seconds that an answer may take", minimum=0.001, fixed=True)
    max_bytes: int = setting(67_108_864, "the most bytes of an answer", minimum=1, fixed=True)

    def start(self) -> None:
        """Find the server and the template, before the first message."""
        self._template: str | Path = self.template
        if self.template_filename is not None:
            self._template = self._place(self.template_filename)
            if not self._template.is_file():
                raise TransmissionsError(f"{self._template}: there is no such template")
        elif not self.template:
            raise TransmissionsError("no template is named: set :templateFilename, or :template")
        self._server = self._found()
        self._fetcher = Fetcher(
            self.context.network, timeout_s=self.timeout, max_bytes=self.max_bytes, per_second=0, attempts=3
        )

    def close(self) -> None:
        """Close the connections."""
        if hasattr(self, "_fetcher"):
            self._fetcher.close()

    def ask(self, message: Message, known: dict[str, Any], accepted: str) -> bytes:
        """Send the filled template, and return the answer.

        Raises:
            TransmissionsError: the template cannot be filled, or the server refuses it.
        """
        text = filled(self._template, {**message, **known, **({"graph": self.graph} if self.graph else {})})
        headers = {"accept": accepted, "content-type": f"{self.media_type}; charset=utf-8", **self._server.headers}
        body = text.encode()
        if self.sparql_use_form:
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode({self.operation: text}).encode()
        fetched = self._fetcher.fetch(self._server.url, "POST", headers=headers, body=body)
        if not 200 <= fetched.status < 300:
            said = " ".join(fetched.text.split())[:_SHOWN]
            raise TransmissionsError(
                f"{self._server.url}: the server answered {fetched.status} {fetched.reason}".rstrip()
                + (f": {said}" if said else "")
            )
        return fetched.content

    def members(self, message: Message, field: str) -> dict[str, Any]:
        """Return the members of a field, which the template knows by their names; none if it holds no object."""
        value = get_field(message, field, {}) if field else {}
        return value if isinstance(value, dict) else {}

    def _place(self, path: Path) -> Path:
        return self.context.find(path if self.target_path is None else self.target_path / path, below_root=True)

    def _found(self) -> Endpoint:
        if self.endpoint:
            return Endpoint(self.endpoint, self.user, self.password)
        if self.endpoint_settings is None:
            raise TransmissionsError("no server is named: set :endpoint, or :endpointSettings")
        path = self._place(self.endpoint_settings)
        try:
            listed = orjson.loads(path.read_bytes())
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        except ValueError as error:
            raise TransmissionsError(f"{path}: not valid JSON: {error}") from None
        for one in listed if isinstance(listed, list) else [listed]:
            if isinstance(one, dict) and one.get("type") == self.operation and isinstance(one.get("url"), str):
                given = one.get("credentials")
                given = given if isinstance(given, dict) else {}
                user, password = (_from_environment(str(given.get(name) or ""), path) for name in ("user", "password"))
                return Endpoint(one["url"], self.user or user, self.password or password)
        raise TransmissionsError(f'{path}: it has no object with "type": "{self.operation}" and a "url"')


def _from_environment(text: str, path: Path) -> str:
    def value(found: re.Match[str]) -> str:
        known = os.environ.get(found.group(1))
        if known is None:
            raise TransmissionsError(f"{path}: the environment variable {found.group(1)} is not set")
        return known

    return _VARIABLE.sub(value, text)
