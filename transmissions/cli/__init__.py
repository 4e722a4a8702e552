"""The command line: `trans`, one module a command."""

from transmissions.cli.app import main, program

__all__ = ["main", "program"]
