"""`trans validate`, `graph`, `list`, `describe` and `--version`."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import pytest

from transmissions.cli import main

OWN = ["--processors", "own.py"]
Capture = pytest.CaptureFixture[str]
BROKEN = """\
@prefix : <http://purl.org/stuff/transmissions/> .
:p a :Transmission ; :pipe (:make :shout) .
:make a :Mak .
:shout a :Shout ; :settings [ :feild "content" ] .
"""


@pytest.fixture
def broken(demo: Path) -> Path:
    """Put a pipeline with two errors beside the one without."""
    (demo / "broken.ttl").write_text(BROKEN, encoding="utf-8")
    return demo


def test_version_is_that_of_the_package(capsys: Capture) -> None:
    """`--version` prints one line."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"transmissions {version('transmissions-engine')}\n"


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"], ["graph", "--help"]])
def test_small_questions_load_no_large_library(words: list[str]) -> None:
    """Help and version do without RDF, graphs, the log and tables."""
    heavy = ["rdflib", "pyshacl", "networkx", "loguru", "rich"]
    code = (
        "import sys; from transmissions.cli import main; main(sys.argv[1:]);"
        f"loaded = [name for name in {heavy} if name in sys.modules]; sys.exit(f'loaded: {{loaded}}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_loads_only_what_it_needs(tmp_path: Path) -> None:
    """A run does without libraries that none of its stages use, and without those by which it was checked."""
    others = ["httpx", "jinja2", "markdown_it", "feedparser", "bs4", "starlette", "redis", "sqlite3"]
    others += ["rdflib", "pyshacl", "networkx"]
    code = (
        "import sys; from transmissions.cli import main; assert main(sys.argv[1:]) == 0;"
        f"loaded = [name for name in {others} if name in sys.modules]; sys.exit(f'loaded: {{loaded}}' if loaded else 0)"
    )
    words = ["run", "hello", "--target", str(tmp_path), "-q"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_checking_loads_only_what_it_needs() -> None:
    """A pipeline is checked without what the libraries for that would load for others."""
    others = ["pyoxigraph", "asyncio", "typer", "httpx", "loguru"]
    code = (
        "import sys; from transmissions import loading; from transmissions.registry import Registry;"
        "assert loading.load('hello', Registry());"
        f"loaded = [name for name in {others} if name in sys.modules]; sys.exit(f'loaded: {{loaded}}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_command_help_is_shown(capsys: Capture) -> None:
    """`trans` alone lists the commands."""
    assert main([]) == 0
    assert "validate" in capsys.readouterr().out


def test_a_misspelt_command_is_guessed(capsys: Capture) -> None:
    """The nearest command is named, with exit code 2."""
    assert main(["valdate"]) == 2
    assert "did you mean 'validate'?" in capsys.readouterr().err


def test_validate_lists_every_problem_with_its_place(broken: Path, capsys: Capture) -> None:
    """All errors of all files are printed, sorted, with guesses and a summary."""
    assert main(["validate", "broken.ttl", "demo.ttl", *OWN]) == 2
    captured = capsys.readouterr()
    assert captured.out.index("broken.ttl:3:9: ") < captured.out.index("broken.ttl:4:31: ")
    assert "did you mean :Make?" in captured.out
    assert "did you mean :field?" in captured.out
    assert "demo.ttl:" not in captured.out
    assert captured.err == "2 files: 2 errors and 0 warnings\n"


def test_validate_walks_folders(broken: Path, capsys: Capture) -> None:
    """A folder stands for all .ttl files below it; one without any is a mistake."""
    assert main(["validate", ".", *OWN, "--json"]) == 2
    assert {Path(one["file"]).name for one in json.loads(capsys.readouterr().out)} == {"broken.ttl"}
    (broken / "empty").mkdir()
    assert main(["validate", "empty"]) == 2


def test_validate_is_content_with_a_valid_file(demo: Path, capsys: Capture) -> None:
    """Exit code 0, and nothing but the summary."""
    assert main(["validate", "demo.ttl", *OWN]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "1 file: 0 errors and 0 warnings\n")


def test_validate_refuses_a_file_that_cannot_run(demo: Path, capsys: Capture) -> None:
    """A file of ours without a pipeline is an error, as it is to `run`; Turtle about something else is a warning."""
    (demo / "none.ttl").write_text(BROKEN.replace("Transmission ;", "Transmision ;"), encoding="utf-8")
    assert main(["validate", "none.ttl"]) == 2
    assert "none.ttl:2:6: :p has a :pipe and is no pipeline" in capsys.readouterr().out
    (demo / "empty.ttl").write_text("", encoding="utf-8")
    assert main(["validate", "empty.ttl"]) == 2
    (demo / "other.ttl").write_text("<http://example.org/a> a <http://example.org/B> .", encoding="utf-8")
    assert main(["validate", "other.ttl"]) == 0
    assert "other.ttl:1:1: warning: there is no pipeline in this file" in capsys.readouterr().out


def test_validate_reports_what_cannot_be_read(demo: Path, capsys: Capture) -> None:
    """A missing file and one that is no text are problems of theirs, and the others are still checked."""
    (demo / "binary.ttl").write_bytes(b"\xff\xfe\x00")
    assert main(["validate", "nowhere.ttl", "binary.ttl", "demo.ttl", *OWN, "--json"]) == 2
    assert {one["file"] for one in json.loads(capsys.readouterr().out)} == {"nowhere.ttl", "binary.ttl"}


def test_validate_speaks_sarif(broken: Path, capsys: Capture) -> None:
    """The SARIF log has one result a problem, with rule and region."""
    assert main(["validate", "broken.ttl", *OWN, "--format", "sarif"]) == 2
    log = json.loads(capsys.readouterr().out)
    results = log["runs"][0]["results"]
    rules = {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert log["version"] == "2.1.0"
    assert {one["ruleId"] for one in results} == rules
    assert results[0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


@pytest.mark.parametrize(
    ("form", "start"), [("text", "A demo\n"), ("mermaid", "---\n"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_graph_draws_in_every_format(demo: Path, capsys: Capture, form: str, start: str) -> None:
    """The drawing goes to stdout, and names every stage."""
    assert main(["graph", "demo.ttl", "--format", form, *OWN]) == 0
    drawn = capsys.readouterr().out
    assert drawn.startswith(start)
    assert all(name in drawn for name in ("make", "fail", "shout"))
    if form == "svg":
        ET.fromstring(drawn)


def test_graph_refuses_an_unknown_format(demo: Path, capsys: Capture) -> None:
    """The nearest format is named."""
    assert main(["graph", "demo.ttl", "--format", "mermiad", *OWN]) == 2
    assert capsys.readouterr().err == "trans: --format mermiad: did you mean mermaid?\n"


def test_list_is_plain_where_nobody_looks(demo: Path, capsys: Capture) -> None:
    """Elsewhere than on a terminal: name, kind and summary, parted by tabs."""
    assert main(["list", "processors", *OWN]) == 0
    assert "Shout\tprocessor\tMake a field upper case.\n" in capsys.readouterr().out


def test_list_speaks_json(demo: Path, capsys: Capture) -> None:
    """`--json` gives the same as objects."""
    assert main(["list", "--json", *OWN]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name": "Shout", "kind": "processor", "summary": "Make a field upper case."} in rows


def test_describe_shows_a_processor(demo: Path, capsys: Capture) -> None:
    """Settings with types and defaults, fields, guarantee and an example."""
    assert main(["describe", "Make", *OWN]) == 0
    page = capsys.readouterr().out
    assert ":count  a whole number, -1 or more  [default 3]" in page
    assert "Writes: n, content" in page
    assert "Guarantee: pure." in page
    assert ":stage a :Make" in page


def test_the_example_of_a_description_is_valid(demo: Path, capsys: Capture) -> None:
    """What a person copies from a description passes validation."""
    assert main(["describe", "Make", *OWN, "--json"]) == 0
    (demo / "example.ttl").write_text(json.loads(capsys.readouterr().out)["example"], encoding="utf-8")
    assert main(["validate", "example.ttl", *OWN]) == 0


def test_describe_shows_a_pipeline(demo: Path, capsys: Capture) -> None:
    """Comment, parameters, how to run it, and its drawing."""
    assert main(["describe", "demo.ttl", *OWN]) == 0
    page = capsys.readouterr().out
    assert "Make messages and shout." in page
    assert "--count COUNT      how many messages  [default: 3]" in page
    assert "trans run demo.ttl [--OPTION VALUE]..." in page
    assert "File:\n  demo.ttl\n" in page
    assert "▼" in page


def test_describe_guesses(demo: Path, capsys: Capture) -> None:
    """An unknown name leads to the nearest, with exit code 2."""
    assert main(["describe", "Shuot", *OWN]) == 2
    assert "did you mean Shout?" in capsys.readouterr().err
