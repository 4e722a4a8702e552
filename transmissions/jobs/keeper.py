"""The keeper: the thread of a job manager that renews leases, cleans, and looks whether jobs were ended by others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from loguru import logger

from transmissions.errors import TransmissionsError

__all__ = ["CLEAN_S", "LEASE_S", "Keeper"]

LEASE_S = 30.0
"""For how long a worker promises to be heard of, unless said otherwise."""
CLEAN_S = 60.0
"""How often a store is cleaned, unless said otherwise."""


class Keeper:
    """Does what has to be done regularly; what fails is logged, and done again the next time.

    Args:
        renew: called every `every_s` seconds.
        look: called soon after each `look`.
        clean: called every `clean_s` seconds, after a renewal.
        every_s: seconds between renewals.
        clean_s: seconds between cleanings.
    """

    def __init__(
        self,
        renew: Callable[[], Any],
        look: Callable[[], Any],
        clean: Callable[[], Any],
        *,
        every_s: float,
        clean_s: float,
    ) -> None:
        if not every_s > 0 or not clean_s > 0:
            raise ValueError(f"leases and cleaning need times above 0, got {every_s * 3:g} and {clean_s:g} seconds")
        self._renew, self._look, self._clean = renew, look, clean
        self._every_s, self._clean_s = every_s, clean_s
        self._wake = threading.Event()
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._keep, name="transmissions job keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> None:
        """Have `look` called soon."""
        self._wanted.set()
        self._wake.set()

    def stop(self) -> None:
        """End, once what is being done is done."""
        self._stopping = True
        self._wake.set()
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        renewed = cleaned = time.monotonic()
        while True:
            self._wake.wait(max(0.0, renewed + self._every_s - time.monotonic()))
            self._wake.clear()
            if self._stopping:
                return
            if self._wanted.is_set():
                self._wanted.clear()
                self._do(self._look)
            now = time.monotonic()
            if now >= renewed + self._every_s:
                self._do(self._renew)
                renewed = now
            if now >= cleaned + self._clean_s:
                self._do(self._clean)
                cleaned = now

    def _do(self, duty: Callable[[], Any]) -> None:
        try:
            duty()
        except TransmissionsError as error:
            logger.warning(f"jobs: the store cannot be kept in order at present: {error}")
        except Exception as error:
            logger.error(f"jobs: keeping the store in order failed: {error!r}")
