"""The examples of the reference page run, and give what they say."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest

import transmissions
from transmissions import Processor
from transmissions.cli.reference import bundled_processors
from transmissions.describe import describe
from transmissions.examples import Example, example_of, matches

PROCESSORS = {name: load() for name, load in bundled_processors().items()}
EXAMPLES = {name: found for name, cls in PROCESSORS.items() if (found := example_of(cls)) is not None}
SERVER = "http://localhost:8080/"


class Files(SimpleHTTPRequestHandler):
    """Serves the files of an example, and keeps quiet about it."""

    def do_POST(self) -> None:
        """Answer with the file of that name, or be a SPARQL server over the folder's `data.ttl`."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if Path(self.translate_path(self.path)).is_file():
            self.do_GET()
            return
        store, file = pyoxigraph.Store(), Path(self.directory) / "data.ttl"
        store.load(file.read_bytes(), format=pyoxigraph.RdfFormat.TURTLE)
        answer = b""
        if self.path == "/update":
            store.update(body.decode())
            store.dump(str(file), format=pyoxigraph.RdfFormat.TURTLE, from_graph=pyoxigraph.DefaultGraph())
        else:
            answer = store.query(body.decode()).serialize(format=pyoxigraph.QueryResultsFormat.JSON) or b""  # type: ignore[union-attr, call-arg]
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def programs(example: Example) -> list[str]:
    """Return the programs that an example starts."""
    return [value for option, value in pairwise(example.options.split()) if option == "--allow-program"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, and yield the server's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def run(example: Example, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Run an example in a folder; where it speaks of a local server, that serves the folder."""
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if SERVER not in f"{example.turtle}{example.messages}":
        return left(example, example.turtle, list(example.messages), folder)
    with served(folder) as address:
        messages = json.loads(json.dumps(example.messages).replace(SERVER, address))
        got, logged = left(example, example.turtle.replace(SERVER, address), messages, folder)
        return list(json.loads(json.dumps(got).replace(address, SERVER))), logged


def left(
    example: Example, turtle: str, messages: list[dict[str, Any]], folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the messages that leave a pipeline, and the lines of its log, as one sees them on the command line."""
    file, logged = folder / example.pipeline, list[str]()
    file.parent.mkdir(exist_ok=True)
    file.write_text(turtle, encoding="utf-8")
    pipeline = transmissions.load(file.parent if example.application else file)
    words = example.options.split()

    def on_log(level: str, stage: str, text: str, facts: Mapping[str, Any]) -> None:
        if level not in ("debug", "info") or (level == "info" and "-v" in words):
            told = "".join(f", {key} {value}" for key, value in facts.items())
            logged.append(f"{'' if level == 'notice' else f'{level} '}:{stage} {text}{told}")

    found = pipeline.stream(
        messages=messages or {},
        target=None if example.application else folder,
        allow_hosts=["127.0.0.1"],
        allow_programs=programs(example),
        on_log=on_log,
    )
    return list(json.loads(json.dumps(list(found)))), logged


@pytest.mark.filterwarnings("ignore:Dataset.default_context is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.programs(*programs(one))) for name, one in EXAMPLES.items()]
)
def test_an_example_gives_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an example says comes out, and is logged, and is written, does and is."""
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[name]
    assert f"a :{name} " in example.turtle
    assert example.gives or example.written or example.logged or example.gone, "an example shows something"
    got, logged = run(example, tmp_path)
    assert matches(got, list(example.gives)), got
    assert matches(logged, list(example.logged)), logged
    for path, text in example.written.items():
        assert matches((tmp_path / path).read_text(encoding="utf-8"), text)
    assert not [path for path in example.gone if (tmp_path / path).exists()]


def test_every_processor_has_an_example() -> None:
    """No processor is without one."""
    assert PROCESSORS.keys() == EXAMPLES.keys()


class Sample(Processor):
    r"""Do a thing.

    More of it.

    Example:
        :stage a :Sample ;
            :settings [ :x 1 ] .
        file a.txt "one\n"
            "two"
        file c.jsonl {"n": 1}
            {"n": 2}
        in {"a": 1}
        in {"a":
            2}
        out {"a": "…"}
        written b.json {"b": 1}

    Guarantee: pure.
    """


def test_an_example_is_read_from_the_docstring() -> None:
    """Turtle, files and messages are told apart, a line that is indented goes on, and the rest is no part of it."""
    described = describe("Sample", Sample)
    assert (described.details, described.guarantee) == ("More of it.", "pure.")
    example = described.run
    assert example is not None
    assert example.turtle.endswith(":pipe (:stage) .\n\n:stage a :Sample ;\n    :settings [ :x 1 ] .\n")
    assert example.files == {"a.txt": "one\ntwo", "c.jsonl": '{"n": 1}\n{"n": 2}\n'}
    assert (example.messages, example.gives) == (({"a": 1}, {"a": 2}), ({"a": "…"},))
    assert example.written == {"b.json": '{"b": 1}'}
    assert '{"a": 2}\nEND\n{"a": "…"}' in described.as_markdown()


class Called(Processor):
    """Do a thing.

    Example:
        :main a :EntryTransmission ; :pipe (:stage) .
        :stage a :Called .
        application letters
        with -v
        logged :stage came {"a": 1}
        in {"a": 1}

    Guarantee: pure.
    """


def test_an_example_may_be_an_application_and_show_its_log() -> None:
    """The page says which file of the folder holds the Turtle, runs the folder, and shows its log."""
    example = example_of(Called)
    assert example is not None
    assert example.pipeline == "letters/transmissions.ttl"
    assert example.as_markdown().startswith("`letters/transmissions.ttl` holds\n\n```turtle\n@prefix")
    command = """$ trans run letters -v -m '{"a": 1}' --messages -"""
    assert example.as_session() == f'{command}\n:stage came {{"a": 1}}\n'


def test_an_example_that_cannot_be_read_is_named() -> None:
    """A line that is no JSON is told with the processor that it is of."""

    class Broken(Processor):
        """Do a thing.

        Example:
            :stage a :Broken .
            in {a}
        """

    with pytest.raises(ValueError, match=r"the example of Broken: in \{a\}: "):
        example_of(Broken)


@pytest.mark.parametrize(
    ("got", "shown", "same"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {}, False),
        ([1, 2], [1], False),
        ("urn:5", "urn:…", True),
        ("url:5", "urn:…", False),
        (5, "…", False),
    ],
)
def test_what_an_example_shows_is_compared_whole(got: Any, shown: Any, same: bool) -> None:
    """Only … inside a text leaves anything open; a key or a member too many or too few is a difference."""
    assert matches(got, shown) is same
