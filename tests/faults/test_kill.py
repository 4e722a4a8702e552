"""kill -9 at random moments of a conversion: no half file is ever visible, and the next run gives the same tree."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

KILLS = 8
PIECES = 250
PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from transmissions.output import Output
    from transmissions.context import Context
    from processors.files import FileWriter

    version, target, pieces = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    output = Output(target)
    writer = FileWriter(incremental=True)
    writer.context = Context(output=output)
    writer.start()
    for number in range(pieces):
        # Between the versions a third of the pieces stays, a third changes, a third is renamed.
        changed = version if number % 3 == 1 else ""
        renamed = version if number % 3 == 2 else ""
        digest = f"{number} {changed} {renamed}"
        if output.manifest.unchanged(digest) is not None:
            continue
        for part in range(3):
            writer.process({
                "filepath": f"chats{number % 5}/{number}v{renamed}/{part}.md",
                "content": f"{number} {part} {changed}\\n" * 200,
                "source": {"key": str(number), "digest": digest, "parts": 3, "entry": {"number": number}},
            })
        if number % 10 == 0:
            print(number, flush=True)
    writer.finish()
    output.close()
    print("done", writer.outputs)
""")


def _start(version: str, target: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, version, str(target), str(PIECES)], stdout=subprocess.PIPE, text=True
    )


def _run(version: str, target: Path) -> str:
    process = _start(version, target)
    text, _ = process.communicate()
    assert process.returncode == 0
    return text.splitlines()[-1]


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def _half_files(target: Path) -> list[str]:
    half = []
    for path in target.rglob("*.md"):
        lines = path.read_text().split("\n")
        if len(lines) != 201 or len(set(lines[:-1])) != 1:
            half.append(str(path))
    return half


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_conversions_end_the_same(tmp_path):
    """Eight kills, at least half of them in the middle, on fresh targets and on updates."""
    _run("1", tmp_path / "right")
    first = _tree(tmp_path / "right")
    _run("2", tmp_path / "right")
    second = _tree(tmp_path / "right")
    assert first != second
    seed = random.randrange(1 << 32)
    print("seed", seed)
    moments = random.Random(seed)
    landed = 0
    for kill in range(KILLS):
        target = tmp_path / str(kill // 2)
        version = "1" if kill % 2 == 0 else "2"
        process = _start(version, target)
        # Up to the first sign of work, then a random number of signs more: a moment in the middle on any machine.
        for _ in range(moments.randint(1, PIECES // 10 - 8)):
            process.stdout.readline()
        for _ in range(moments.randrange(150_000)):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.close()
        landed += process.wait() == -signal.SIGKILL
        assert not _half_files(target)
        outcome = _run(version, target)
        assert "'failed': 0" in outcome
        assert "kept" not in outcome
        assert _tree(target) == (first if version == "1" else second), (seed, kill)
    assert landed >= KILLS // 2


def test_the_check_for_half_files_finds_one(tmp_path):
    """The control: a plainly written file that is cut off is noticed."""
    (tmp_path / "a.md").write_text("1 1 \n" * 100)
    assert _half_files(tmp_path)


def test_two_processes_share_a_target(tmp_path):
    """Of two conversions at once one is refused with a clear error and the other is right."""
    one = _start("1", tmp_path / "out")
    one.stdout.readline()
    # Held still, so that it is in the middle of its work however the two take turns.
    os.kill(one.pid, signal.SIGSTOP)
    at_work = len(list((tmp_path / "out").rglob("*.md"))) < 3 * PIECES
    two = subprocess.run(
        [sys.executable, "-c", PROGRAM, "1", str(tmp_path / "out"), str(PIECES)],
        capture_output=True,
        text=True,
        check=False,
    )
    os.kill(one.pid, signal.SIGCONT)
    one.communicate()
    assert one.returncode == 0
    assert at_work
    assert two.returncode == 1
    assert "another run is writing here" in two.stderr
    _run("1", tmp_path / "right")
    assert _tree(tmp_path / "out") == _tree(tmp_path / "right")


def test_plain_writers_do_not_disturb_each_other(tmp_path):
    """Two processes that write into one target without a manifest both end right, whole files only."""
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from transmissions.output import Output
        with Output(Path(sys.argv[1])) as output:
            for turn in range(3):
                for number in range(200):
                    output.write(f"f{number % 20}/{number}.md", f"{turn} {number}\\n" * 50)
    """)
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert {p.read_bytes() for p in tmp_path.rglob("*.md")} == {b"2 %d\n" % n * 50 for n in range(200)}
    assert len(list(tmp_path.rglob("*"))) == 220
