"""From the command to its end, for the shortest of runs."""

from __future__ import annotations

import argparse
import sys
import tempfile

from benchmarks.measure import Row, measured, median

IMPORTS = "import rdflib, pyshacl, networkx"


def rows(options: argparse.Namespace) -> list[Row]:
    """Measure the import of the core libraries, `trans run hello` and `trans --version` in turn."""
    with tempfile.TemporaryDirectory() as folder:
        trans = [sys.executable, "-m", "transmissions"]
        commands = {
            "imports": [sys.executable, "-c", IMPORTS],
            "hello": [*trans, "run", "hello", "--target", folder, "--quiet"],
            "version": [*trans, "--version"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            measured(command)
        for _ in range(options.rounds * 2):
            for name, command in commands.items():
                times[name].append(measured(command).wall_s)

    def ratio(name: str) -> float:
        return median([one / base for one, base in zip(times[name], times["imports"], strict=True)])

    return [
        Row(f'python -c "{IMPORTS}"', f"{median(times['imports']) * 1000:.0f} ms"),
        Row(
            "trans run hello",
            f"{median(times['hello']) * 1000:.0f} ms",
            ratio("hello"),
            "≤ 2 × imports",
            ratio("hello") <= 2,
        ),
        Row("trans --version", f"{median(times['version']) * 1000:.0f} ms", ratio("version")),
    ]
