"""The only door to files that a run writes: whole or absent, inside the target, and not touched when unchanged."""

from transmissions.output.target import Output

__all__ = ["Output"]
