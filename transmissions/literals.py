"""Literals of RDF that are not of their type, such as `"x"^^xsd:integer`: what becomes of them is for their reader."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_literals"]


@contextmanager
def quiet_literals() -> Iterator[None]:
    """Keep rdflib from logging a traceback for each literal that is not of its type."""
    log = logging.getLogger("rdflib.term")

    def drop(record: logging.LogRecord) -> bool:
        return False

    log.addFilter(drop)
    try:
        yield
    finally:
        log.removeFilter(drop)
