"""The stream monitor, which measures what passes, and the buffer manager, which holds it back."""

from processors.streams.buffer_manager import StreamBufferManager
from processors.streams.monitor import StreamMonitor

__all__ = ["StreamBufferManager", "StreamMonitor"]
