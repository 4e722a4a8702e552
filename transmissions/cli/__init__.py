"""The command line: `trans`, one module a command."""

from transmissions.cli.app import main

__all__ = ["main"]
