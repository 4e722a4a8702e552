"""kill -9 of a run whose buffer has spilled: nothing stays on the disk, and the next run works."""

import json
import os
import signal
import subprocess
import sys

import pytest

PIPELINE = """\
@prefix : <http://purl.org/stuff/transmissions/> .

:flow a :Transmission ; :parameter [ :name "stuck" ; :default "yes" ] ; :pipe (:make :hold) .
:make a :Make ; :settings [ :stuck "{{ stuck }}" ] .
:hold a :Hold ; :settings [ :stuck "{{ stuck }}" ] ; :buffer [ :maxMessages 10 ; :whenFull :spill ] .
"""

PROCESSORS = '''
import sys
import threading

from transmissions import Processor, setting

made = threading.Event()


class Make(Processor):
    """Yield five megabytes, and tell when they are on their way."""

    stuck: str = setting()

    def process(self, message):
        for number in range(5000):
            yield {"n": number, "text": "x" * 1000}

    def close(self):
        made.set()
        print("made", file=sys.stderr, flush=True)
        if self.stuck == "yes":
            threading.Event().wait()


class Hold(Processor):
    """Take nothing until all is made; then check the order."""

    stuck: str = setting()
    expected = 0

    def process(self, message):
        made.wait()
        if self.stuck == "yes":
            threading.Event().wait()
        assert message["n"] == self.expected, message["n"]
        self.expected += 1
'''


def _command(folder, *more):
    return [
        sys.executable, "-m", "transmissions", "run", str(folder / "flow.ttl"),
        "--processors", str(folder / "own.py"), "--target", str(folder / "out"), *more,
    ]  # fmt: skip


def _spill_files(process):
    """Return the sizes of the files without a name that a process has open."""
    sizes = []
    for descriptor in os.listdir(f"/proc/{process.pid}/fd"):
        path = f"/proc/{process.pid}/fd/{descriptor}"
        if "deleted" in os.readlink(path):
            sizes.append(os.stat(path).st_size)
    return sizes


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks at the files that a process has open")
def test_a_killed_run_that_spilled_leaves_nothing(tmp_path):
    """Megabytes lie on the disk when the signal comes; afterwards nothing does, and the same run goes through."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "flow.ttl").write_text(PIPELINE)
    (tmp_path / "own.py").write_text(PROCESSORS)
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(_command(tmp_path), env=environment, stderr=subprocess.PIPE, text=True)
    while (line := process.stderr.readline()) != "made\n":
        assert line, "the run ended too early"
    assert sum(_spill_files(process)) > 4_900_000
    assert list(temporary.iterdir()) == []
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    process.stderr.close()
    assert list(temporary.iterdir()) == []

    report = tmp_path / "report.json"
    again = subprocess.run(
        _command(tmp_path, "--stuck", "no", "--report", str(report)),
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    made, hold = json.loads(report.read_text())["stages"]
    assert made["emitted"] == hold["received"] == hold["buffer"]["received"] == 5000
    assert hold["buffer"]["spilled"] > 4900
    assert hold["buffer"]["drops"] == hold["buffer"]["spill_bytes"] == 0
    assert list(temporary.iterdir()) == []
