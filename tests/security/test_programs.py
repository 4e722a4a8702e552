"""Programs are started by name and permission only, without a shell, within a time, in an environment of their own.

Holds "shell": hostile arguments and input arrive as they are, and a program that has no end is given one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import transmissions
from processors.programs import RunProgram
from transmissions import StageError
from transmissions.cli import main
from transmissions.errors import ProgramFailed, ProgramRefused
from transmissions.programs import Programs

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
PYTHON = sys.executable
HOSTILE = ["; rm -rf x", "$(touch x)", "`touch x`", "a\nb", "&& touch x", "| touch x", "> x", "*", "~", "'\"\\", "-rf"]
HOSTILE += ["%PATH%", "$HOME", "\t", "é"]


def stage(code: str, arguments: tuple[str, ...] = (), **options: Any) -> RunProgram:
    """Return a stage that runs a piece of Python, allowed."""
    made = RunProgram(program=PYTHON, arguments=["-c", code, *arguments], **options)
    made.context.programs = Programs.allowing([PYTHON])
    made.start()
    return made


@pytest.mark.parametrize("text", HOSTILE)
def test_arguments_and_input_arrive_as_they_are(text: str) -> None:
    """Whatever signs are in an argument or in a message, the program gets those signs, and nothing else happens."""
    code = "import sys, os, json; print(json.dumps([sys.argv[1], sys.stdin.buffer.read().decode(), os.listdir('.')]))"
    left = stage(code, (text,), media_type="application/json").process({"content": text})
    assert left["content"] == [text, text, []]


@pytest.mark.programs("sort")
def test_only_what_is_allowed_is_started(tmp_path: Path) -> None:
    """Without permission nothing is started, and the error says how to give it; one permission is no other."""
    (tmp_path / "p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:a) . :a a :RunProgram ; :settings [ :program "sort" ] .'
    )
    pipeline = transmissions.load(tmp_path / "p.ttl")
    for allowed in ([], ["sor"], ["/usr/bin/sort"], ["*"]):
        with pytest.raises(
            StageError, match="sort: refused: this run may not start it; --allow-program sort allows it"
        ):
            pipeline.run(messages={"content": "x"}, allow_programs=allowed)
    (left,) = pipeline.stream(messages={"content": "b\na\n"}, allow_programs=["sort"])
    assert left == {"content": "a\nb\n", "exitCode": 0}


@pytest.mark.programs("sort")
def test_the_command_line_allows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--allow-program` is the permission; without it the run fails."""
    (tmp_path / "p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:a) . :a a :RunProgram ; :settings [ :program "sort" ] .'
    )
    words = ["run", str(tmp_path / "p.ttl"), "-m", '{"content": "x"}', "--messages", "-", "-q"]
    assert main(words) == 1
    assert "--allow-program sort" in capsys.readouterr().err
    assert main([*words, "--allow-program", "sort"]) == 0
    assert capsys.readouterr().out == '{"content":"x\\n","exitCode":0}\n'


@pytest.mark.programs("sort")
def test_a_message_changes_neither_program_nor_arguments(tmp_path: Path) -> None:
    """In an application, too, fields of the settings' names are data."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "transmissions.ttl").write_text(
        PREFIX + ':t a :Transmission ; :pipe (:a) . :a a :RunProgram ; :settings [ :program "sort" ] .'
    )
    given = {"content": "x", "program": "rm", "arguments": ["--help"], "inputField": "program"}
    (left,) = transmissions.load(app).stream(messages=given, allow_programs=["sort", "rm"])
    assert (left["content"], left["exitCode"]) == ("x\n", 0)


def test_the_environment_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment a program sees the search path and what the pipeline names; its folder is gone afterwards."""
    monkeypatch.setenv("SECRET", "canary")
    monkeypatch.setenv("WANTED", "yes")
    code = "import os, json; print(json.dumps([sorted(os.environ), os.getcwd()]))"
    names, folder = stage(code, media_type="application/json", environment=["WANTED"]).process({"content": ""})[
        "content"
    ]
    assert "SECRET" not in names
    assert {"WANTED", "PATH"} <= set(names)
    assert not Path(folder).exists()


@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
def test_a_program_that_takes_too_long_is_ended_with_all_it_started() -> None:
    """When the time is over, nothing of it is left, not even what it had started."""
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).wait()"
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(ProgramFailed, match=r"it took more than 0\.5 s, and was ended"):
        stage(code, timeout=0.5).process({"content": "x" * 1_000_000})
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [one for one in left if one.status() != psutil.STATUS_ZOMBIE]


def test_a_program_that_leaves_another_behind_ends_all_the_same() -> None:
    """A child that outlives the program, and holds its output, is ended with it."""
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('x')"
    assert stage(code, timeout=20).process({"content": ""})["content"] == "x\n"


def test_too_much_output_ends_a_program() -> None:
    """A program that writes without end is ended once it has written what it may."""
    with pytest.raises(ProgramFailed, match="it wrote more than 1000 bytes, and was ended"):
        stage("while True: print('x' * 100)", max_output_bytes=1000, timeout=20).process({"content": ""})


def test_a_run_that_ends_ends_its_programs() -> None:
    """A program does not hold up the end of a run."""
    made = stage("import time; time.sleep(60)")
    made.context.stopping = lambda: True
    with pytest.raises(ProgramFailed, match="because the run ends"):
        made.process({"content": ""})


def test_how_it_ended_is_told() -> None:
    """An exit code other than 0 fails the message with what the program said, or stands in a field."""
    code = "import sys; print('out'); print('bad input', file=sys.stderr); sys.exit(3)"
    with pytest.raises(transmissions.TransmissionsError, match="it ended with 3: bad input"):
        stage(code).process({"content": ""})
    left = stage(code, on_failure="mark", error_field="said").process({"content": ""})
    assert left == {"content": "out\n", "exitCode": 3, "said": "bad input\n"}
    with pytest.raises(transmissions.TransmissionsError, match="is no application/json"):
        stage("print('{')", media_type="application/json").process({"content": ""})


def test_programs_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is looked for on the search path only, never in the current folder; a NUL is refused."""
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".:/usr/bin:/bin")
    with pytest.raises(ProgramFailed, match="there is no such program"):
        Programs.allowing(["mine"]).find("mine")
    with pytest.raises(ProgramRefused, match="an argument holds a NUL"):
        Programs.allowing(["sort"]).run("sort", ["a\0b"])


@pytest.mark.parametrize("name", ["BashCommand", "RunCommand"])
def test_shells_are_refused_with_a_reason(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A processor that would run any text is refused before anything runs, and the error says what there is instead."""
    file = tmp_path / "p.ttl"
    file.write_text(PREFIX + f':p a :Transmission ; :pipe (:a) . :a a :{name} ; :settings [ :command "ls" ] .')
    assert main(["validate", str(file)]) == 2
    said = capsys.readouterr().out
    assert f"the processor :{name} is refused" in said
    assert ":RunProgram runs one fixed program" in said
