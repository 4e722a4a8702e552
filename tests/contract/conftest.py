"""The fixtures of the contracts' suites."""

from tests.jobs.conftest import backend, clock, shared_redis, store

__all__ = ["backend", "clock", "shared_redis", "store"]
