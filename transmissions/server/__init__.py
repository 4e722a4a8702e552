"""Serve jobs over HTTP: start, follow and abort runs, and watch them on a page. Needs the extra `server`."""

from __future__ import annotations

from transmissions.server.app import make_app
from transmissions.server.catalogue import Catalogue
from transmissions.server.serve import Server, listening
from transmissions.server.service import Service
from transmissions.server.token import read_token

__all__ = ["Catalogue", "Server", "Service", "listening", "make_app", "read_token"]
