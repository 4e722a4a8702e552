"""Write files whole or not at all, inside one folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Output"]


class Output:
    """A target folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def close(self) -> None:
        """Close."""
