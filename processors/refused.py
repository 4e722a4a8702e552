"""Processors of the JavaScript project that there are none of here, on purpose, and why."""

from __future__ import annotations

__all__ = ["REFUSED"]

_NO_COMMAND = "a message's text must not become a command; :RunProgram runs one fixed program, if that is allowed"
_NO_MCP = "it was never more than a name there; :HttpClient asks a server, :Chat a language model"
REFUSED = {
    "BashCommand": _NO_COMMAND,
    "EnvLoader": "it put the whole environment, secrets too, where all stages see it; {{ env.NAME }} in a setting of a "
    "pipeline, or in the file of :endpointSettings, reads one variable",
    "ExampleProcessor": "it was renamed there; it is :Example",
    "HttpProxy": "it did nothing there, and one that did would ask any address for anybody; :HttpClient asks, "
    ":HttpServer answers",
    "McpClient": _NO_MCP,
    "McpServer": _NO_MCP,
    "PrepareArticle": "it did nothing there; :MakeEntry prepares an article, :NOP does nothing",
    "RemapContext": "it was renamed there; it is :Restructure",
    "RunCommand": _NO_COMMAND,
    "StringOps": "it was renamed there; it is :PathOps",
    "XmppClient": "it was never more than a name there; :HttpClient asks a server over HTTP",
}
"""By name, what is said to whoever asks for one."""
