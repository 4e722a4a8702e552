"""What a conversion holds in memory does not follow what it reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what a process held at the most")

MEGABYTE = 1_000_000
RUN = """
import pathlib, re, sys
from transmissions.cli import main
assert main(sys.argv[1:]) == 0
# Not the peak that getrusage tells, which a process takes over from the one that it was made of.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024)
"""


def conversations(number: int, size: int) -> Iterator[dict[str, Any]]:
    """Yield conversations of messages of 10 KB, each as large as asked for."""
    for one in range(number):
        messages = [
            {
                "uuid": f"{one:08}-{place:08}",
                "sender": "assistant" if place % 2 else "human",
                "created_at": "2026-01-01T00:00:00Z",
                "content": [{"type": "text", "text": f"{place} " + "words " * 1650}],
            }
            for place in range(size // 10_000)
        ]
        yield {"uuid": f"{one:08}", "name": f"c{one}", "created_at": "2026-01-01T00:00:00Z", "chat_messages": messages}


def peak(folder: Path, pipeline: str, number: int, size: int) -> int:
    """Convert an export of that many conversations of that size, and return the bytes held at the most."""
    export = folder / f"{number}.json"
    with export.open("w") as file:
        file.write("[")
        for place, one in enumerate(conversations(number, size)):
            file.write((", " if place else "") + json.dumps(one))
        file.write("]")
    words = ["run", pipeline, str(export), str(folder / f"{pipeline}-{number}"), "-q"]
    done = subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("pipeline", ["claude-archive", "claude-messages"])
def test_an_export_of_any_size_is_converted_in_little_memory(tmp_path: Path, pipeline: str) -> None:
    """An export ten times as large needs hardly more memory, and less than it is long."""
    small, large = (peak(tmp_path, pipeline, number, 50_000) for number in (120, 1200))
    assert large < 60 * MEGABYTE
    assert large - small < 10 * MEGABYTE


def test_a_large_conversation_is_held_a_few_times_over(tmp_path: Path) -> None:
    """One conversation of 25 MB is what has to be held, decoded and as a page; that takes no more than it must."""
    assert peak(tmp_path, "claude-archive", 1, 25 * MEGABYTE) < 150 * MEGABYTE
