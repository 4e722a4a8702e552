"""What the pages say is so: links lead somewhere, commands and examples run, pictures are those of today."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from transmissions import loading, processor
from transmissions.cli import main
from transmissions.drawing import draw_svg
from transmissions.processor import Processor
from transmissions.registry import Registry, load_processors

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT[page], re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    """Every link and picture of a page that is no address of the web names a file of the project."""
    prose = re.sub(r"^```.*?^```", "", TEXT[page], flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if not link.startswith("http") and "{" not in link:
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_that_defines_processors_works(page: Path, tmp_path: Path) -> None:
    """Every example that defines a processor can be loaded, and does what its docstring says of text."""
    for number, code in enumerate(blocks(page, "python")):
        if ("Processor)" not in code and "@processor" not in code) or page.name == "network.md":
            continue
        file = tmp_path / f"example_{number}.py"
        file.write_text(code, encoding="utf-8")
        for name, cls in load_processors([file]).items():
            settings = {"limit": 3} if name == "Truncate" else {}
            assert issubclass(cls, Processor)
            assert cls(**settings).process({"content": "<b>x"}) == {"content": "<b>" if name == "Truncate" else "x"}


def test_the_readme_and_the_tutorial_show_pipelines_that_are_valid(tmp_path: Path) -> None:
    """Their Turtle is valid, and the tutorial's is the pipeline that ships."""
    own = tmp_path / "truncate.py"
    own.write_text(blocks(ROOT / "README.md", "python")[0], encoding="utf-8")
    registry = Registry(load_processors([own]))
    for page in (ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "your-own-processor.md"):
        for number, turtle in enumerate(blocks(page, "turtle")):
            file = tmp_path / f"{number}.ttl"
            file.write_text(turtle, encoding="utf-8")
            definition, problems = loading.check(file, registry)
            assert definition is not None, "\n".join(map(str, problems))
    assert (ROOT / "pipelines" / "hello.ttl").read_text("utf-8") in blocks(ROOT / "docs" / "tutorial.md", "turtle")


def test_the_error_in_the_readme_is_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README shows what is really said about a misspelt setting."""
    turtle = blocks(ROOT / "README.md", "turtle")[0].replace(":sourceFile", ":sorceFile")
    (tmp_path / "mine.ttl").write_text(turtle, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    problems = loading.check("mine.ttl", Registry())[1]
    assert str(problems[0]) + "\n" in blocks(ROOT / "README.md", "text")


def test_ci_runs_the_commands_of_the_readme() -> None:
    """The commands with which the README begins are those that the continuous integration runs."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    install, convert, *_ = blocks(ROOT / "README.md", "sh")[0].splitlines()
    assert f"pip install --quiet {shlex.split(install)[-1]}\n" in script
    assert f"{convert}\n" in script
    assert "\npytest\n" in script
    assert blocks(ROOT / "README.md", "sh")[1].splitlines()[-1] == "pytest"


def test_the_picture_is_that_of_the_pipeline() -> None:
    """The picture in the README is what `trans graph` draws today."""
    definition, _ = loading.load("claude-archive", Registry())
    assert (ROOT / "docs" / "claude-archive.svg").read_text("utf-8").rstrip() == draw_svg(definition).rstrip()


def test_every_command_of_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the tutorial do what it says, in its order."""
    page = ROOT / "docs" / "tutorial.md"
    monkeypatch.chdir(tmp_path)
    turtle = blocks(page, "turtle")[0]
    changed = turtle.replace(":pipe (:greet :show :write) .", ":pipe (:greet :show :write), (:greet :count) .")
    (tmp_path / "mine.ttl").write_text(changed + "\n:count a :StreamMonitor .\n", encoding="utf-8")
    for command in [line for block in blocks(page, "sh") for line in block.splitlines()]:
        assert main(shlex.split(command)[1:]) == 0, command
    assert (tmp_path / "hello.txt").read_text() == "Hello, world!\n"
    assert (tmp_path / "greetings" / "hello.txt").read_text() == "Hello, Turtle!\n"


@pytest.mark.parametrize("package", ["", ".jobs", ".streams", ".usage"])
def test_names_that_are_imported_when_they_are_used(package: str) -> None:
    """Each public name is there, and shown by whatever completes names, however the package's modules are imported."""
    home = f"transmissions{package}"
    code = f"""if True:
        import importlib, pkgutil, types, {home} as package
        assert set(package.__all__) <= set(dir(package)), set(package.__all__) - set(dir(package))
        for module in pkgutil.iter_modules(package.__path__):
            if module.name not in ("__main__", "cli", "server"):
                importlib.import_module(f"{home}.{{module.name}}")
        for name in package.__all__:
            assert not isinstance(getattr(package, name), types.ModuleType), name"""
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_are_documented() -> None:
    """Every public name of the package can be imported and says what it is for."""
    import transmissions

    assert transmissions.__all__ == sorted(
        transmissions.__all__, key=lambda name: (not name.isupper(), name.islower(), name)
    )
    for name in transmissions.__all__:
        value = getattr(transmissions, name)
        assert value is not None
        assert name in ("MISSING", "Message") or (value.__doc__ or "").strip() or name == "Duration", name
    assert transmissions.processor is processor
