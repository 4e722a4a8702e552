"""Processors of the JavaScript project that there are none of here, on purpose, and why."""

from __future__ import annotations

__all__ = ["REFUSED"]

_NO_COMMAND = "a message's text must not become a command; :RunProgram runs one fixed program, if that is allowed"
REFUSED = {
    "BashCommand": _NO_COMMAND,
    "EndpointsGenerator": "it wrote passwords into a file; :SPARQLSelect and :SPARQLUpdate read them from variables",
    "RunCommand": _NO_COMMAND,
}
"""By name, what is said to whoever asks for one."""
