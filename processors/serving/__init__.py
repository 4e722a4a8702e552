"""HttpServer: answers requests with files, and makes messages of what is sent to it."""

from __future__ import annotations

from processors.serving.http_server import HttpServer

__all__ = ["HttpServer"]
