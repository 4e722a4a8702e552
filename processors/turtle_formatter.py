"""TurtleFormatter: writes one item of a message as Turtle."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import RDF

from processors.values import as_text
from transmissions import Message, Processor, require_field, setting

__all__ = ["TurtleFormatter"]

_NS = Namespace("http://example.org/ns#")


class TurtleFormatter(Processor):
    r"""Write an object of the message as Turtle, into `content`, and name a file for it in `targetFile`.

    Each member is a property, of several values if it is a list; a member that is null is left out. Values are texts,
    as they are in the JavaScript project. The item's `id` ends its address and names the file.

    Example:
        :example a :EntryTransmission ; :pipe (:stage :name :write) .
        :stage a :TurtleFormatter .
        :name a :Restructure ; :settings [ :rename ( [ :pre "targetFile" ; :post "filepath" ] ) ] .
        :write a :FileWriter .
        in {"currentItem": {"id": "brig", "name": "Brig", "languages": ["de", "it"], "mayor": null}}
        out {"currentItem": {"id": "brig", "name": "Brig", "languages": ["de", "it"], "mayor": null},
            "content": "…", "targetFile": "brig.ttl", "filepath": "brig.ttl"}
        written brig.ttl "@prefix : <http://example.org/ns#> .\n\n"
            "<http://example.org/brig> a :Item ;\n"
            "    :id \"brig\" ;\n"
            "    :languages \"de\",\n"
            "        \"it\" ;\n"
            "    :name \"Brig\" .\n\n"

    Guarantee: pure.
    """

    writes = ("content", "targetFile")

    base_uri: str = setting("http://example.org/", "what the item's address begins with", fixed=True)
    item_field: str = setting("currentItem", "field with the item, as a dotted path", reads=True, fixed=True)

    def process(self, message: Message) -> Message:
        """Return the message with the Turtle."""
        item = require_field(message, self.item_field)
        if not isinstance(item, dict):
            raise ValueError(f"the field {self.item_field} holds no object but {type(item).__name__}")
        given = item.get("id")
        name = "item" if given in (None, "") else as_text(given)
        graph = Graph()
        graph.bind("", _NS)
        subject = URIRef(self.base_uri + quote(name, safe=""))
        graph.add((subject, RDF.type, _NS.Item))
        for key, value in item.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    graph.add((subject, _NS[quote(str(key), safe="")], _literal(one)))
        message["content"] = graph.serialize(format="turtle")
        message["targetFile"] = f"{quote(name, safe='')}.ttl"
        return message


def _literal(value: Any) -> Literal:
    return Literal(as_text(value))
