"""`trans run`: what it runs with, what it prints where, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transmissions.cli import main

OWN = ["--processors", "own.py"]
Capture = pytest.CaptureFixture[str]


def test_messages_go_to_stdout_and_the_rest_to_stderr(demo: Path, trans: Callable[..., Any]) -> None:
    """A program that reads stdout gets messages and nothing else."""
    done = trans("run", "demo.ttl", "2", *OWN, "--messages", "-")
    assert [json.loads(line)["content"] for line in done.stdout.splitlines()] == ["TEXT 0", "TEXT 1"]
    assert done.stderr.startswith("demo: complete in ")
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words", [["2"], ["--count", "2"], ["--count=2"], ["--param", "count=2"], ["-s", "make.count=2"]]
)
def test_a_parameter_is_given_in_any_way(demo: Path, capsys: Capture, words: list[str]) -> None:
    """By place, by option, by --param and by -s mean the same."""
    assert main(["run", "demo.ttl", *words, *OWN, "--messages", "-", "-q"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err == ""


def test_the_report_is_written_and_printed(demo: Path, capsys: Capture) -> None:
    """`--report` and `--json` give the same report, with the counters of every stage."""
    assert main(["run", "demo.ttl", *OWN, "--report", "sub/report.json", "--json", "-q"]) == 0
    report = json.loads((demo / "sub" / "report.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == report
    assert report["status"] == "complete"
    assert [(one["stage"], one["received"]) for one in report["stages"]] == [("make", 1), ("fail", 3), ("shout", 3)]


def test_a_failed_run_names_stage_and_message(demo: Path, trans: Callable[..., Any]) -> None:
    """Exit code 1, with stage, place and message, and no traceback."""
    done = trans("run", "demo.ttl", "--fail-at", "1", *OWN)
    assert done.returncode == 1
    assert "demo.ttl:12:1: stage :fail failed in process: ValueError: this number is not liked" in done.stderr
    assert '"n": 1' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundled_pipeline_is_not_the_users_file(demo: Path, trans: Callable[..., Any]) -> None:
    """What ended a bundled pipeline is told without its file and its parameters; the report has both."""
    (demo / "empty.json").touch()
    done = trans("run", "claude-archive", "empty.json", "out", "--report", "r.json")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1].startswith("  empty.json: an empty file")
    assert "claude-archive.ttl" not in done.stderr
    assert '"thinking"' not in done.stderr
    assert "claude-archive.ttl:" in json.loads((demo / "r.json").read_text(encoding="utf-8"))["error"]


def test_debug_shows_where_an_error_comes_from(demo: Path, trans: Callable[..., Any]) -> None:
    """`--debug` adds the traceback of a stage's error, and of a wrong command."""
    assert "Traceback" in trans("run", "demo.ttl", "--fail-at", "1", *OWN, "--debug").stderr
    assert "Traceback" in trans("run", "nowhere.ttl", "--debug").stderr


def test_lost_input_is_exit_code_2(demo: Path, capsys: Capture) -> None:
    """A run that did what it could, but could not use part of its input, says so even when it is to be quiet."""
    assert main(["run", "demo.ttl", *OWN, "-s", "make.lost=true", "-q"]) == 2
    error = capsys.readouterr().err
    assert "but part of the input could not be used" in error
    assert "make: not JSON" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.ttl"], "nowhere.ttl"),
        (["demo.ttl", "--cuont", "3", *OWN], "no such option: --cuont; did you mean --count?"),
        (["demo.ttl", "1", "2", "3", *OWN], "too many values: '3'; the pipeline takes COUNT FAIL-AT"),
        (["demo.ttl", "many", *OWN], "a whole number"),
        (["demo.ttl", "-s", "make", *OWN], "write it as STAGE.SETTING=VALUE"),
        (["demo.ttl", "-s", "mak.count=1", *OWN], "did you mean make.count?"),
        (["demo.ttl", "-m", "{", *OWN], "-m: not JSON"),
        (["demo.ttl", "--param", "nix=1", *OWN], "declares no parameter nix"),
        (["demo.ttl", "--processors", "nowhere.py"], "nowhere.py: there is no such file"),
        (["demo.ttl"], "no processor is called :Make"),
        (["demo.ttl", *OWN, "--json", "--messages", "-"], "both write to standard output"),
        (["demo.ttl", *OWN, "--report", "."], "--report .: this cannot be written: it is a folder"),
        (
            ["demo.ttl", *OWN, "--report", "own.py/r.json"],
            "--report own.py/r.json: this cannot be written: file exists",
        ),
        (
            ["demo.ttl", *OWN, "--messages", "own.py/m.jsonl"],
            "--messages own.py/m.jsonl: this cannot be written: file exists",
        ),
        (["demo.ttl", *OWN, "--messages", ""], "not the name of a file"),
        (["demo.ttl", *OWN, "--messages", "./demo.ttl"], "--messages ./demo.ttl: this run is made of that file"),
        (["demo.ttl", *OWN, "--report", "own.py"], "--report own.py: this run is made of that file"),
        (["demo.ttl", *OWN, "--report", ""], "this cannot be written"),
        (["demo.ttl", *OWN, "--report", "-"], "--json writes the report to standard output"),
        (["demo.ttl", *OWN, "--report", "x", "--messages", "./x"], "--report and --messages both write to x"),
        (["demo.ttl", *OWN, "--target", "own.py"], "--target own.py: own.py is a file; the target is a folder"),
        (["demo.ttl", *OWN, "--target", "own.py/sub"], "--target own.py/sub: own.py is a file"),
        (["demo.ttl", *OWN, "-m", "{}", "-m", "{}"], "--message is given twice"),
        (["demo.ttl", *OWN, "--target", "a", "--target", "b"], "--target is given twice"),
        (["demo.ttl", *OWN, "-m", "@nowhere"], "-m @nowhere: no such file or directory"),
        (["--count", "3", "demo.ttl"], "--count"),
        ([], "missing argument PIPELINE"),
    ],
)
def test_a_wrong_command_is_refused(demo: Path, capsys: Capture, words: list[str], said: str) -> None:
    """Exit code 2, one clear text on stderr, nothing on stdout, no traceback."""
    assert main(["run", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_what_is_required_is_asked_for(demo: Path, capsys: Capture) -> None:
    """A missing parameter is named with its option and comment."""
    text = (demo / "demo.ttl").read_text(encoding="utf-8")
    (demo / "demo.ttl").write_text(text.replace(':default "3"', ":required true"), encoding="utf-8")
    assert main(["run", "demo.ttl", *OWN]) == 2
    assert "demo needs\n  --count COUNT  how many messages  [required]" in capsys.readouterr().err


def test_messages_come_from_the_command_line(demo: Path, capsys: Capture) -> None:
    """`-m` begins the run with that message; its fields go with it."""
    assert main(["run", "demo.ttl", "1", *OWN, "-m", '{"tag": "x"}', "--messages", "-", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["tag"] == "x"


def test_what_a_buffer_drops_is_told(tmp_path: Path, capsys: Capture) -> None:
    """The summary counts the messages that found no room, under a policy that drops them."""
    file = tmp_path / "n.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n"
        ':p a :Transmission ; :pipe (:split :show) . :split a :ForEach ; :settings [ :forEach "xs" ] .\n'
        ":show a :NOP ; :buffer [ :maxMessages 1 ; :whenFull :dropNewest ] .",
        encoding="utf-8",
    )
    assert main(["run", str(file), "-m", json.dumps({"xs": list(range(5000))}), "--report", str(tmp_path / "r")]) == 0
    buffer = json.loads((tmp_path / "r").read_text())["stages"][1]["buffer"]
    assert f"messages dropped by the buffer in front of show {buffer['drops']:,}\n" in capsys.readouterr().err
    assert buffer["drops"]


def test_messages_that_are_given_have_their_own_fields(tmp_path: Path, capsys: Capture) -> None:
    """Whoever gives the messages is not warned of fields that no stage writes; whoever does not, is."""
    file = tmp_path / "n.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n"
        ":p a :Transmission ; :pipe (:one :two) . :one a :NOP . :two a :Concat .",
        encoding="utf-8",
    )
    assert main(["run", str(file), "-m", '{"content": "abc"}', "--messages", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.out == '{"content":"abcabc"}\n'
    assert "warning" not in captured.err
    main(["run", str(file)])
    assert 'reads the field "content", which no stage before it writes' in capsys.readouterr().err


def test_parameters_begin_a_run_with_their_types(tmp_path: Path, capsys: Capture) -> None:
    """A whole number that the command line gives as text is a number in the first message, as its default is."""
    xsd = "<http://www.w3.org/2001/XMLSchema#integer>"
    file = tmp_path / "n.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n"
        f':p a :Transmission ; :parameter [ :name "n" ; :datatype {xsd} ; :default 4 ] ; :pipe ([ a :NOP ]) .',
        encoding="utf-8",
    )
    for words, number in (["3"], 3), ([], 4):
        assert main(["run", str(file), *words, "--messages", "-", "-q"]) == 0
        assert json.loads(capsys.readouterr().out) == {"n": number}


def test_messages_come_from_stdin_one_a_line(demo: Path, trans: Callable[..., Any]) -> None:
    """`-m -` runs each line; one that is not JSON ends the run with its number and exit code 2."""
    words = ["run", "demo.ttl", "1", *OWN, "-m", "-", "--messages", "-", "-q"]
    done = trans(*words, given='{"tag": 0}\n{"tag": 1}\n')
    assert [json.loads(line)["tag"] for line in done.stdout.splitlines()] == [0, 1]
    assert done.returncode == 0
    broken = trans(*words, given='{"tag": 0}\nnonsense\n')
    assert broken.returncode == 2
    assert "standard input, line 2: not JSON" in broken.stderr


def test_messages_go_to_a_file(demo: Path) -> None:
    """`--messages FILE` holds one JSON object a line."""
    assert main(["run", "demo.ttl", "2", *OWN, "--messages", "out.jsonl", "-q"]) == 0
    assert [json.loads(line)["n"] for line in (demo / "out.jsonl").read_text().splitlines()] == [0, 1]


def test_a_dry_run_shows_the_plan_and_runs_nothing(demo: Path, capsys: Capture) -> None:
    """The plan has loops, buffers and final settings; nothing is written."""
    before = sorted(demo.iterdir())
    assert main(["run", "demo.ttl", "7", *OWN, "--dry-run", "--report", "r.json"]) == 0
    plan = capsys.readouterr().out
    assert "loop 1: make → fail, then loop 2" in plan
    assert "loop 2: shout; buffer in front: 8 messages" in plan
    assert ":count 7\n" in plan
    assert ':field "content" (default)' in plan
    assert [path for path in sorted(demo.iterdir()) if path.name != "__pycache__"] == before


def test_a_dry_run_is_readable_by_programs(demo: Path, capsys: Capture) -> None:
    """`--dry-run --json` gives the plan as JSON."""
    assert main(["run", "demo.ttl", *OWN, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [[stage["stage"] for stage in one["stages"]] for one in plan["segments"]] == [["make", "fail"], ["shout"]]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.py": "    limit: complex = setting(doc='how much')"}, "a.py: class Cut: setting limit: <class 'complex'>"),
        ({"a.py": "    limit = setting(1)"}, "a.py: class Cut: setting limit of Cut needs a type"),
        ({"a.py": "    pass", "b.py": "    pass"}, ":Cut is defined twice, in a.py and in b.py"),
    ],
)
def test_a_processor_that_is_wrong_is_a_users_mistake(
    demo: Path, capsys: Capture, files: dict[str, str], told: str
) -> None:
    """A setting of no known type, or a name defined twice, is told with its file, and is nothing unexpected."""
    for name, body in files.items():
        head = "from transmissions import Processor, setting\n\n\nclass Cut(Processor):\n"
        (demo / name).write_text(head + body + "\n", encoding="utf-8")
    assert main(["run", "demo.ttl", *(word for name in files for word in ("--processors", name))]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert "unexpected" not in captured.err


def test_a_file_of_processors_may_be_named_twice(demo: Path) -> None:
    """A file that is named, and is in a folder that is named, is one file."""
    assert main(["run", "demo.ttl", *OWN, "--processors", str(demo), "--dry-run"]) == 0


def test_secrets_are_never_shown(demo: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from the environment stands in no plan, no summary and no report."""
    monkeypatch.setenv("DEMO_TOKEN", "hush-hush-42")
    text = (demo / "demo.ttl").read_text(encoding="utf-8")
    shout = ':shout a :Shout ; :settings [ :field "{{ env.DEMO_TOKEN }}" ] ;'
    (demo / "demo.ttl").write_text(text.replace(":shout a :Shout ;", shout), encoding="utf-8")
    assert main(["run", "demo.ttl", *OWN, "--dry-run"]) == 0
    assert main(["run", "demo.ttl", *OWN, "--dry-run", "--json"]) == 0
    assert main(["run", "demo.ttl", *OWN, "--json", "--report", "r.json"]) == 1
    captured = capsys.readouterr()
    assert "hush-hush-42" not in captured.out + captured.err + (demo / "r.json").read_text(encoding="utf-8")


def test_a_parameter_named_target_is_where_files_go(demo: Path, capsys: Capture) -> None:
    """The parameter `target` and the option `--target` are one thing; both at once are refused."""
    text = (demo / "demo.ttl").read_text(encoding="utf-8")
    declared = ':parameter [ :name "target" ; :required true ] ;\n    :pipe'
    (demo / "demo.ttl").write_text(text.replace(":pipe", declared), encoding="utf-8")
    assert main(["run", "demo.ttl", "1", "-1", "out", *OWN, "--dry-run"]) == 0
    assert "writing into out" in capsys.readouterr().out
    assert main(["run", "demo.ttl", "--target", "out", *OWN, "-q"]) == 0
    assert main(["run", "demo.ttl", "1", "-1", "out", "--target", "other", *OWN]) == 2
    assert "the target is given twice" in capsys.readouterr().err


def test_help_lists_the_pipelines_own_parameters(demo: Path, capsys: Capture) -> None:
    """`trans run PIPELINE --help` knows what that pipeline takes."""
    assert main(["run", "demo.ttl", *OWN, "--help"]) == 0
    page = capsys.readouterr().out
    assert "Parameters of demo, in the order of the VALUEs:" in page
    assert "--fail-at FAIL-AT  where to fail  [default: -1]" in page


def test_an_error_in_own_code_names_its_line(demo: Path, capsys: Capture) -> None:
    """Processors that cannot be loaded are told with file, line and error."""
    (demo / "own.py").write_text("raise SystemError('odd')", encoding="utf-8")
    assert main(["run", "demo.ttl", *OWN]) == 2
    assert "own.py: line 1: SystemError: odd" in capsys.readouterr().err
