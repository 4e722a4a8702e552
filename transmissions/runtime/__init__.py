"""Executing a plan: segments in threads, event streams between them, counters, and a result at the end."""
