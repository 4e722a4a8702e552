"""Run the benchmarks and print a table: `python -m benchmarks [passthrough|streams|conversion|usage|jobs|… ]`."""

from __future__ import annotations

import argparse
import platform
import sys

from benchmarks import applications, conversion, jobs, passthrough, startup, streams, usage
from benchmarks.measure import Row, table

ALL = {
    "passthrough": passthrough.rows,
    "streams": streams.rows,
    "conversion": conversion.rows,
    "applications": applications.rows,
    "usage": usage.rows,
    "jobs": jobs.rows,
    "startup": startup.rows,
}


def main() -> None:
    """Run what was asked for, everything by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*ALL, []], help="what to run; everything by default")
    parser.add_argument(
        "--size", type=int, default=100, metavar="MB", help="megabytes of the export to convert, and of session logs"
    )
    parser.add_argument("--messages", type=int, default=1_000_000, help="messages to pass through")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the medians are shown")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.which or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += ALL[name](options)
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
