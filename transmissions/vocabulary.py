"""The terms in which pipelines are written; `vocabulary.ttl` says in RDF what each of them means.

Processors and their settings are no part of it: those come from the processor classes (`transmissions.ontology`).
"""

from __future__ import annotations

from importlib.resources import files

from rdflib import Namespace, URIRef

__all__ = [
    "BUFFER",
    "BUFFER_TERMS",
    "CHOICE",
    "CLASSES",
    "CONFIG_SET",
    "DATATYPE",
    "DEFAULT",
    "ENTRY_TRANSMISSION",
    "GUARANTEE",
    "HIGH_WATER_MARK",
    "LOW_WATER_MARK",
    "MAX_BYTES",
    "MAX_MESSAGES",
    "MAX_SPILL_BYTES",
    "NAME",
    "NAMESPACE",
    "ON_ERROR",
    "PARAMETER",
    "PARAMETER_TERMS",
    "PIPE",
    "PIPELINE_CLASSES",
    "PIPELINE_TERMS",
    "PROCESSOR",
    "REQUIRED",
    "SETTINGS",
    "SETTINGS_CLASSES",
    "SETTING_OF",
    "STAGE_TERMS",
    "TRANSMISSION",
    "WHEN_FULL",
    "local_name",
    "turtle",
]

NAMESPACE = Namespace("http://purl.org/stuff/transmissions/")

TRANSMISSION = NAMESPACE.Transmission
ENTRY_TRANSMISSION = NAMESPACE.EntryTransmission
CONFIG_SET = NAMESPACE.ConfigSet
PROCESSOR = NAMESPACE.Processor

SETTING_OF = NAMESPACE.settingOf
GUARANTEE = NAMESPACE.guarantee

PIPE = NAMESPACE.pipe
PARAMETER = NAMESPACE.parameter

SETTINGS = NAMESPACE.settings
BUFFER = NAMESPACE.buffer
ON_ERROR = NAMESPACE.onError

NAME = NAMESPACE.name
REQUIRED = NAMESPACE.required
DEFAULT = NAMESPACE.default
DATATYPE = NAMESPACE.datatype
CHOICE = NAMESPACE.choice

MAX_MESSAGES = NAMESPACE.maxMessages
MAX_BYTES = NAMESPACE.maxBytes
HIGH_WATER_MARK = NAMESPACE.highWaterMark
LOW_WATER_MARK = NAMESPACE.lowWaterMark
WHEN_FULL = NAMESPACE.whenFull
MAX_SPILL_BYTES = NAMESPACE.maxSpillBytes

PIPELINE_CLASSES = (TRANSMISSION, ENTRY_TRANSMISSION)
SETTINGS_CLASSES = (CONFIG_SET, NAMESPACE.Settings, NAMESPACE.ReMap, NAMESPACE.ServiceConfig)
"""Classes of nodes that hold settings; all but `:ConfigSet` are there for files of the JavaScript project."""

CLASSES = (*PIPELINE_CLASSES, *SETTINGS_CLASSES)
PIPELINE_TERMS = (PIPE, PARAMETER)
STAGE_TERMS = (SETTINGS, BUFFER, ON_ERROR)
PARAMETER_TERMS = (NAME, REQUIRED, DEFAULT, DATATYPE, CHOICE)
BUFFER_TERMS = (MAX_MESSAGES, MAX_BYTES, HIGH_WATER_MARK, LOW_WATER_MARK, WHEN_FULL, MAX_SPILL_BYTES)


def local_name(node: URIRef) -> str:
    """Return the part of an address that names the thing: what follows its last `/` or `#`.

    >>> local_name(NAMESPACE.FileReader)
    'FileReader'
    """
    return node[max(node.rfind("/"), node.rfind("#")) + 1 :]


def turtle() -> str:
    """Return the published vocabulary, in Turtle."""
    return (files("transmissions") / "vocabulary.ttl").read_text(encoding="utf-8")
