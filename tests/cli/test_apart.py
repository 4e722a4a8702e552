"""`trans run` has its pipeline checked by another process; nobody is to notice but by the memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

LIMIT_S = 60
GREETING = """\
@prefix : <http://purl.org/stuff/transmissions/> .
:greet a :Transmission ; :pipe (:say) .
:again a :Transmission ; :pipe (:say) .
:say a :SetField ; :settings [ :field "greeting" ; :value "hi" ] .
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: a file of two pipelines, one that is broken, an application, and own code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greet.ttl").write_text(GREETING)
    (tmp_path / "broken.ttl").write_text(GREETING.replace(":value", ":valeu").replace(":again", ":other"))
    (tmp_path / "no-turtle.ttl").write_bytes(b"\xff\xfe\x00 .")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "transmissions.ttl").write_text(GREETING)
    (tmp_path / "own.py").write_text(
        textwrap.dedent('''\
            """A module that says when it is run."""
            import sys
            from transmissions import Processor
            print("run", file=sys.stderr)
            class Own(Processor):
                """Pass on."""
                def process(self, message):
                    return message
            ''')
    )
    (tmp_path / "own.ttl").write_text(GREETING.split(":again", maxsplit=1)[0] + ":say a :Own .\n")
    return tmp_path


def trans(*words: str, before: str = "", flag: str = "-B", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, in which some statements are run before."""
    code = f"import sys; {before}\nfrom transmissions.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, flag, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, **options)


@pytest.mark.parametrize(
    "words",
    [
        ["greet.ttl#greet"],
        ["greet.ttl#again"],
        ["greet.ttl"],
        ["greet.ttl#gret"],
        ["broken.ttl#greet"],
        ["broken.ttl#greet", "--debug"],
        ["no-turtle.ttl"],
        ["gret.ttl"],
        ["helo"],
        ["app"],
        ["app.greet"],
        ["own.ttl"],
        ["own.ttl", "--processors", "own.py"],
        ["own.ttl", "--processors=own.py"],
        ["greet.ttl#greet", "--nonsense", "1"],
    ],
)
@pytest.mark.usefixtures("here")
def test_both_ways_say_the_same(words: list[str]) -> None:
    """Messages, errors and exit code are those of a process that checks the pipeline itself."""
    words = ["run", *words, "--messages", "-", "-q"]
    apart, alone = trans(*words), trans(*words, before="import pyshacl")
    assert (apart.returncode, _timeless(apart.stdout)) == (alone.returncode, _timeless(alone.stdout))
    told = [line for line in apart.stderr.splitlines() if "--debug" not in words or line.startswith("broken.ttl")]
    assert all(line in alone.stderr.splitlines() for line in told)
    assert bool(told) == bool(alone.stderr)


def _timeless(text: str) -> str:
    return re.sub(r'"appRunStart":"[^"]*"', "", text)


@pytest.mark.usefixtures("here")
def test_code_of_the_users_own_is_run_once() -> None:
    """A module named by --processors does what it does when it is imported once."""
    assert trans("run", "own.ttl", "-q", "--processors", "own.py").stderr == "run\n"


@pytest.mark.parametrize("executable", ["", "/nowhere/python", sys.executable[:-1]])
@pytest.mark.usefixtures("here")
def test_without_another_process_all_is_done_here(executable: str) -> None:
    """Where no other process can be started, the run goes as ever."""
    done = trans("run", "greet.ttl#greet", "--messages", "-", "-q", before=f"sys.executable = {executable!r}")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"hi"}\n', "")


def test_what_else_is_printed_is_no_answer(here: Path) -> None:
    """What the start of Python, or a module, prints where the answer goes is not taken for part of it."""
    (here / "site").mkdir()
    (here / "site" / "sitecustomize.py").write_text("import os\nprint('welcome')\nos.write(1, b'to all')\n")
    environment = os.environ | {"PYTHONPATH": str(here / "site")}
    done = trans("run", "greet.ttl#greet", "-q", "--messages", "-", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith('{"greeting":"hi"}\n')
    assert done.stdout.count("welcome") == 1


def test_options_that_keep_code_away_hold_for_both_processes(here: Path) -> None:
    """Under `python -I`, what the environment names is run by neither."""
    (here / "site").mkdir()
    (here / "site" / "sitecustomize.py").write_text(f"open({str(here / 'was-run')!r}, 'w').close()\n")
    environment = os.environ | {"PYTHONPATH": str(here / "site")}
    done = trans("run", "greet.ttl#greet", "-q", "--messages", "-", flag="-I", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"hi"}\n', "")
    assert not (here / "was-run").exists()


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="standard input is no file here")
def test_a_pipeline_on_standard_input(here: Path) -> None:
    """What this process is given is read by this process."""
    (here / "one.ttl").write_text(GREETING.replace(":again a :Transmission ; :pipe (:say) .", ""))
    with (here / "one.ttl").open() as file:
        done = trans("run", "/dev/stdin", "-q", "--messages", "-", stdin=file)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"hi"}\n', "")


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_interrupted_while_it_is_checked(here: Path) -> None:
    """Ctrl-C ends both processes, with the exit code for that and without a traceback."""
    stuck = here / "stuck"
    stuck.write_text(
        f"#!{sys.executable}\nimport os, signal\nopen('told', 'w').write(str(os.getpid()))\nsignal.pause()\n"
    )
    stuck.chmod(0o755)
    os.mkfifo(here / "told")
    code = """if True:
        import sys
        from transmissions.apart import Checking
        from transmissions.cli import program

        sys.executable = "./stuck"
        wait = Checking.pipeline
        Checking.pipeline = lambda *given: print(flush=True) or wait(*given)
        program()"""
    command = [sys.executable, "-B", "-c", code, "run", "greet.ttl#greet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        other = int((here / "told").read_text())
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, error) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.usefixtures("here")
def test_the_other_process_ends_with_this_one() -> None:
    """One that is killed leaves nobody behind, whatever the other one is at."""
    code = """if True:
        import sys
        from transmissions import child
        from transmissions.apart import answer
        from transmissions.cli import program

        python = child.python
        child.python = lambda code: python(
            "import os, signal, transmissions.loading as loading; print(os.getpid(), file=sys.stderr, flush=True);"
            "loading.load = lambda *_: signal.pause();" + code
        )
        import subprocess
        subprocess.DEVNULL = None
        program()"""
    command = [sys.executable, "-B", "-c", code, "run", "greet.ttl#greet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert int(process.stderr.readline())
        process.kill()
        # The other one writes there, too, so this is the end of both.
        assert process.communicate(timeout=LIMIT_S)[1] == ""


@pytest.mark.usefixtures("here")
def test_in_a_process_that_has_the_libraries_no_other_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever calls the command from Python, where all is loaded already, does not wait for a process."""
    import pyshacl  # noqa: F401

    monkeypatch.setattr(subprocess, "Popen", None)
    assert main(["run", "greet.ttl#greet", "--messages", "-", "-q"]) == 0
    assert capsys.readouterr().out == '{"greeting":"hi"}\n'
