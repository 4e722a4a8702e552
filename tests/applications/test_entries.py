"""Processors of entries, containers and addresses that were sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_an_entry_is_made_of_a_file(application: Make) -> None:
    """Title, address, path and dates come from the text, the file's name and its facts."""
    app = application(
        """:t a :Transmission ; :pipe (:d :r :m :u) . :d a :DirWalker ; :settings [ :sourceDir "data/raw" ] .
        :r a :FileReader ; :settings [ :metaField "meta" ] . :u a :NOP .
        :m a :MakeEntry ; :settings [ :rawDir "data/raw" ; :renderPath "articles" ; :baseURI "http://e.org/" ;
            :creatorName "C" ; :graph <http://e.org/g> ] .""",
        files={"data/raw/notes/2025-01-02_a b.md": "text\n# Its title #\n", "data/raw/plain-name.md": "no heading"},
    )
    dated, plain, mark = app.run()
    blocks = dated["contentBlocks"]
    assert {name: blocks[name] for name in ("title", "slug", "uri", "relPath", "created", "creator", "graph")} == {
        "title": "Its title",
        "slug": "2025-01-02_a b",
        "uri": "http://e.org/notes/2025-01-02_a%20b",
        "relPath": "articles/notes/2025-01-02_a b",
        "created": "2025-01-02",
        "creator": "C",
        "graph": "http://e.org/g",
    }
    assert plain["contentBlocks"]["title"] == "Plain name"
    assert plain["contentBlocks"]["created"] == plain["meta"]["created"]
    assert "contentBlocks" not in mark


def test_files_are_packed_into_one_under_their_own_names(application: Make) -> None:
    """Every file is in the container, none is overwritten by it, and the container is written where it is to be."""
    app = application(
        """:t a :Transmission ; :pipe (:d :r :c :w) . :d a :DirWalker ; :settings [ :sourceDir "src" ] .
        :r a :FileReader . :c a :FileContainer ; :settings [ :destination "all.json" ; :targetDir "out" ] .
        :w a :FileWriter .""",
        files={"src/a.md": "A", "src/deep/b.js": "B", "data/x": ""},
    )
    app.run()
    assert json.loads(app.text("data/out/all.json")) == {
        "files": {"src/a.md": "A", "src/deep/b.js": "B"},
        "summary": {"totalFiles": 2, "fileTypes": {".md": 1, ".js": 1}},
    }
    assert (app.text("src/a.md"), app.text("src/deep/b.js")) == ("A", "B")


def test_addresses_that_were_sent_are_checked(application: Make) -> None:
    """An address of the web is taken in with its title; anything else is told as no success."""
    app = application(":t a :Transmission ; :pipe (:s) . :s a :SquirtReceiver .")
    (left,) = app.run({"url": " https://e.org/x ", "title": "T"})
    assert (left["success"], left["processedUrl"]) == (
        True,
        {"url": "https://e.org/x", "title": "T", "domain": "e.org"},
    )
    for address in ("javascript:alert(1)", "file:///etc/passwd", "http://", "http://["):
        (left,) = app.run({"url": address})
        assert left["success"] is False
        assert "processedUrl" not in left
