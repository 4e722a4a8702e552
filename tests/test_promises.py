"""Promises that only the whole can keep: plug-ins, folders, kills, memory, nesting."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import transmissions
from transmissions import InvalidPipeline, Message, StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
SHOUT = '''
from transmissions import Processor, setting


class Shout(Processor):
    """Shout."""

    field: str = setting("content", "field", reads=True, writes=True)
    times: int = setting(1, minimum=1)

    def process(self, message):
        message[self.field] = message[self.field].upper() + "!" * self.times
        return message
'''
PIPELINE = """:p a :Transmission ; :pipe (:a :b) .
:a a :SetField ; :settings [ :field "content" ; :value "hi" ] .
:b a :Shout ; :settings [ :times 3 ] .
"""


def trans(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "transmissions", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_a_processor_in_a_file(tmp_path: Path) -> None:
    """Ten lines in a file named on the command line are a processor: run, validated, its errors located."""
    (tmp_path / "my.py").write_text(SHOUT)
    (tmp_path / "my.ttl").write_text(PREFIX + PIPELINE)
    done = trans("run", "my.ttl", "--processors", "my.py", "--messages", "-", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"content": "HI!!!"}), done.stderr
    (tmp_path / "my.ttl").write_text(PREFIX + PIPELINE.replace(":times 3", ":times 0 ; :feild 1"))
    wrong = trans("run", "my.ttl", "--processors", "my.py", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "my.ttl:4:34: :times on stage :b must be a whole number, 1 or more" in wrong.stderr
    assert "did you mean :field?" in wrong.stderr
    (tmp_path / "my.ttl").write_text(PREFIX + PIPELINE.replace('"hi"', "5"))
    failed = trans("run", "my.ttl", "--processors", "my.py", cwd=tmp_path)
    assert failed.returncode == 1
    assert "my.ttl:4:1: stage :b failed in process: AttributeError" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_processor_in_an_installed_package(tmp_path: Path) -> None:
    """The same class in an installed package is found through its entry point, without a word on the command line."""
    site = tmp_path / "site"
    (site / "shouting-1.0.dist-info").mkdir(parents=True)
    (site / "shouting.py").write_text(SHOUT)
    (site / "shouting-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (site / "shouting-1.0.dist-info" / "entry_points.txt").write_text(
        "[transmissions.processors]\nShout = shouting:Shout\n"
    )
    (tmp_path / "my.ttl").write_text(PREFIX + PIPELINE)
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = trans("run", "my.ttl", "--messages", "-", cwd=tmp_path, env=environment)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"content": "HI!!!"}), done.stderr
    assert "Shout" in trans("list", "processors", env=environment).stdout
    assert "no processor is called :Shout" in trans("run", "my.ttl", cwd=tmp_path).stderr


def test_results_do_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in a file start from that file, wherever a run is started."""
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "in.txt").write_text("text")
    (folder / "p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:r) . :r a :FileReader ; :settings [ :sourceFile "in.txt" ] .'
    )
    for place in (tmp_path, folder, Path("/")):
        monkeypatch.chdir(place)
        assert [message["content"] for message in transmissions.load(folder / "p.ttl").stream()] == ["text"]


def test_nested_pipelines_pass_everything(tmp_path: Path) -> None:
    """Values that are false in Python pass through pipelines in pipelines, to any depth."""
    file = tmp_path / "nested.ttl"
    file.write_text(
        PREFIX
        + """:outer a :EntryTransmission ; :pipe (:middle :end) .
        :middle a :Transmission ; :pipe (:inner :m) .
        :inner a :Transmission ; :pipe (:split :i) .
        :split a :ForEach ; :settings [ :forEach "items" ] . :i a :NOP . :m a :NOP . :end a :NOP ."""
    )
    values: list[object] = [0, "", False, None, [], {}]
    pipeline = transmissions.load(file)
    assert [stage.name for stage in pipeline.definition.stages] == [
        "middle/inner/split",
        "middle/inner/i",
        "middle/m",
        "end",
    ]
    parts = list(pipeline.stream(messages={"items": values}))
    assert [part["currentItem"] for part in parts[:-1]] == values


def test_memory_is_flat_over_millions_of_messages(tmp_path: Path) -> None:
    """Three million messages through nested pipelines need no more memory than the first of them."""
    own = tmp_path / "counting.py"
    own.write_text(
        "import psutil\nfrom transmissions import Processor\n"
        "class Count(Processor):\n"
        "    def process(self, message):\n"
        "        for number in range(3_000_000):\n            yield {'n': number}\n"
        "class Weigh(Processor):\n"
        "    def start(self):\n        self.weights = []\n"
        "    def process(self, message):\n"
        "        if message['n'] % 300_000 == 299_999:\n"
        "            self.weights.append(psutil.Process().memory_info().rss)\n"
        "    def report(self):\n        return {'weights': self.weights}\n"
    )
    file = tmp_path / "nested.ttl"
    file.write_text(
        PREFIX
        + """:outer a :EntryTransmission ; :pipe (:count :middle :weigh) .
        :middle a :Transmission ; :pipe (:a :inner) . :inner a :Transmission ; :pipe (:b) .
        :count a :Count . :a a :NOP . :b a :NOP ; :buffer [ :maxMessages 1000 ] . :weigh a :Weigh ."""
    )
    weights = transmissions.load(file, processors=[own]).run().processors["weigh"]["weights"]
    assert len(weights) == 10
    assert max(weights) - weights[0] < 5_000_000


def _convert(export: str, target: str) -> None:
    transmissions.load("claude-archive").run(source=export, target=target)
    os._exit(0)


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, the hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_conversion_survives_kill_9(tmp_path: Path) -> None:
    """Killed at twenty random moments, a conversion shows no partial file, and the next run gives the same tree."""
    export = tmp_path / "conversations.json"
    conversations = [
        {
            "uuid": f"{number:08x}-0000-4000-8000-000000000000",
            "name": f"Talk {number}",
            "created_at": f"2025-01-{number % 28 + 1:02}T00:00:00Z",
            "updated_at": "2025-02-01T00:00:00Z",
            "chat_messages": [{"uuid": f"m{number}", "sender": "human", "text": f"{number} " * 2000}],
        }
        for number in range(400)
    ]
    export.write_text(json.dumps(conversations))
    transmissions.load("claude-archive").run(source=str(export), target=str(tmp_path / "whole"))
    whole = tree(tmp_path / "whole")
    processes = multiprocessing.get_context("fork")
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    interrupted = 0
    for kill in range(20):
        target = tmp_path / f"killed-{kill}"
        process = processes.Process(target=_convert, args=(str(export), str(target)))
        process.start()
        deadline = time.monotonic() + 20
        stop_at = moments.randrange(1, 380)
        while process.is_alive() and time.monotonic() < deadline:
            if sum(1 for _ in target.rglob("*.md")) >= stop_at:
                break
        assert process.pid is not None
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            interrupted += 1
        process.join()
        for path in target.rglob("*.md"):
            assert path.read_bytes() == whole[str(path.relative_to(target))], f"seed {seed}"
        transmissions.load("claude-archive").run(source=str(export), target=str(target))
        assert tree(target) == whole, f"seed {seed}"
    assert interrupted >= 10, f"seed {seed}"


def test_a_pipeline_that_is_wrong_raises_with_every_problem(tmp_path: Path) -> None:
    """`transmissions.load` refuses a wrong file with all that is wrong with it, as data."""
    file = tmp_path / "wrong.ttl"
    file.write_text(PREFIX + ":p a :Transmission ; :pipe (:a :b) . :a a :Nop . :b a :NOP ; :settings [ :x 1 ] .")
    with pytest.raises(InvalidPipeline) as caught:
        transmissions.load(file)
    assert [problem.code for problem in caught.value.problems] == ["unknown-processor", "unknown-setting"]


def test_secrets_are_in_no_error_and_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from the environment is hidden wherever a run speaks of it."""
    monkeypatch.setenv("TOKEN", "canary-1234567")
    own = tmp_path / "leaking.py"
    own.write_text(
        "from transmissions import Processor, setting\n"
        "class Leak(Processor):\n    token: str = setting()\n"
        "    def process(self, message):\n"
        "        self.warn('with ' + self.token, token=self.token)\n        raise ValueError(self.token)\n"
        "    def report(self):\n        return {'token': self.token}\n"
    )
    (tmp_path / "p.ttl").write_text(
        PREFIX + ':p a :Transmission ; :pipe (:a) . :a a :Leak ; :settings [ :token "{{ env.TOKEN }}" ] .'
    )
    done = trans(
        "run", "p.ttl", "--processors", "leaking.py", "--report", "report.json", "--debug", "--verbose", cwd=tmp_path
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr + (tmp_path / "report.json").read_text()
    assert "canary" not in said
    assert "[secret]" in said
    with pytest.raises(StageError) as caught:
        transmissions.load(tmp_path / "p.ttl", processors=[own]).run()
    assert "canary" not in str(caught.value) + json.dumps(caught.value.result.as_json())


def test_messages_are_what_python_gave(tmp_path: Path) -> None:
    """A run leaves the message that it was given as it was."""
    file = tmp_path / "p.ttl"
    file.write_text(
        PREFIX + ':p a :Transmission ; :pipe (:a) . :a a :SetField ; :settings [ :field "a.b" ; :value 2 ] .'
    )
    given: Message = {"a": {"b": 1}}
    assert list(transmissions.load(file).stream(messages=given)) == [{"a": {"b": 2}}]
    assert given == {"a": {"b": 1}}


def test_no_process_is_left(tmp_path: Path) -> None:
    """A run starts no process of its own."""
    before = psutil.Process().children(recursive=True)
    transmissions.load("hello").run(target=str(tmp_path))
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_is_heard_while_a_source_waits_for_input(tmp_path: Path) -> None:
    """A run that waits for standard input ends when it is interrupted, with 130, though the read cannot be."""
    command = [sys.executable, "-m", "transmissions", "run", "hello", "-m", "-", "--target", str(tmp_path), "-v"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stderr is not None
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    process.stdin.write('{"content": "first"}\n')
    process.stdin.flush()
    for line in process.stderr:
        if "Hello" in line:
            break
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    process.stdin.close()
    assert process.wait(20) == 130, said
    watchdog.cancel()
    assert "aborted" in said
    assert "Fatal" not in said
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
