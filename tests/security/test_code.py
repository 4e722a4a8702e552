"""A Turtle file names processors; no name in it makes Python load anything, and neither does what lies beside it.

Holds "no code from Turtle": a thousand names, and no import.
"""

from __future__ import annotations

import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transmissions import loading
from transmissions.registry import Registry

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
NAMES = [
    "os", "os.system", "os:system", "os/system", "../x", "..x", "a:b", "sys", "subprocess.Popen", "builtins.eval",
    "__import__", "importlib.import_module", "antigravity", "this", "processors.flow:NOP", "processors.flow.NOP",
    "processors/flow.py", "transmissions.cli:main", "file:///tmp/x.py", "node:child_process", "NOP;import os",
    "NOP()", "%6Fs", "os%00", "Nop", "nop", "NOP%20", "__main__", "__builtins__", "code.interact", "pty.spawn",
    "ctypes.CDLL", "pickle.loads", "runpy.run_path", "../../processors/NOP", "x/NOP", "x%23NOP", "x#NOP", "C:%5Cx.py", "http://evil.example/x.py",
    "idlelib.idle", "turtledemo", "lib2to3",
]  # fmt: skip


def refused(names: list[str], folder: Path) -> list[str]:
    """Check a pipeline whose stages are of these classes; return what is said of each."""
    rows = [f":s{number} a <http://purl.org/stuff/transmissions/{name}> ." for number, name in enumerate(names)]
    pipe = " ".join(f":s{number}" for number in range(len(names)))
    file = folder / "hostile.ttl"
    file.write_text(f"{PREFIX}:p a :EntryTransmission ; :pipe ({pipe}) .\n" + "\n".join(rows), encoding="utf-8")
    definition, problems = loading.check(file, Registry())
    assert definition is None
    return [str(problem) for problem in problems if problem.severity == "error"]


def test_no_name_in_turtle_is_imported(tmp_path: Path, guard: Any) -> None:
    """Whatever a class is called, it is looked up in the table of what is installed, and nothing is loaded for it."""
    refused(["Unknown"], tmp_path)
    with guard.listening("import") as imported, guard.listening("subprocess.Popen") as started:
        for name in NAMES:
            assert refused([name], tmp_path), name
    assert imported == started == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(string.printable + "é\u202e\0", min_size=1, max_size=20), min_size=50, max_size=50, unique=True)
)
def test_a_thousand_names_are_refused(tmp_path: Path, guard: Any, texts: list[str]) -> None:
    """The same holds for any name at all, fifty in each file."""
    refused(["Unknown"], tmp_path)
    names = [f"x{quote(text, safe='')}" for text in texts]
    with guard.listening("import") as imported:
        said = refused(names, tmp_path)
    assert len(said) >= len(set(names))
    assert imported == []


def test_a_listener_hears_of_an_import(guard: Any) -> None:
    """An import that does happen would be seen."""
    with guard.listening("import") as imported, pytest.raises(ImportError):
        __import__("this_module_is_not_there")
    assert imported[0][0] == "this_module_is_not_there"


BESIDE = [
    "processors/__init__.py", "processors/flow.py", "processors/NOP.py", "transmissions/__init__.py", "NOP.py",
    "rdflib.py", "json.py", "sitecustomize.py", "conftest.py", "app/processors/NOP.py", "app/processors/NOP.js",
    "app/NOP.py", "app/data/NOP.py", "app/__init__.py",
]  # fmt: skip


@pytest.mark.parametrize("source", ["app", "app/transmissions.ttl", "."])
def test_python_that_lies_in_the_folder_is_not_run(source: str, tmp_path: Path) -> None:
    """An application or a pipeline from a stranger may have files of any name beside it; `trans` runs none of them."""
    for name in BESIDE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"open({str(tmp_path / 'was run')!r}, 'w')")
    turtle = f"{PREFIX}:p a :EntryTransmission ; :pipe (:a :b) . :a a :NOP . :b a :ForEach ."
    for folder in (tmp_path, tmp_path / "app"):
        (folder / "transmissions.ttl").write_text(turtle)
    program = Path(sys.executable).parent / ("trans.exe" if os.name == "nt" else "trans")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(program), "run", source, "-m", '{"forEach": [], "items": []}', "--messages", "-"]
    done = subprocess.run(words, cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "was run").exists()
