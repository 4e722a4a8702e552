"""The only door to files that a run writes: whole or absent, inside the target, and not touched when unchanged."""

from transmissions.output.manifest import Manifest, content_hash
from transmissions.output.system import System
from transmissions.output.target import Output

__all__ = ["Manifest", "Output", "System", "content_hash"]
