"""A refusal: what a request is answered with that is not served, as JSON with a code for programs and words."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

__all__ = ["Refusal"]


class Refusal(Exception):
    """A request that is not served.

    Args:
        status: the HTTP status.
        code: what is wrong, in one word for programs.
        text: what is wrong and what to do, in words.
        facts: what else a program may want to know.
        headers: headers that belong to the status.
    """

    def __init__(self, status: int, code: str, text: str, headers: dict[str, str] | None = None, **facts: Any) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.facts = facts
        self.headers = headers

    def response(self) -> JSONResponse:
        """Return it as a response."""
        body = {"error": {"code": self.code, "text": self.text, **self.facts}}
        return JSONResponse(body, self.status, self.headers)
