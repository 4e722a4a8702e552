"""Where a ledger is kept: in memory, or in a file of SQLite. Another store is another module here."""

from transmissions.usage.stores.memory import MemoryStore
from transmissions.usage.stores.schema import is_ledger
from transmissions.usage.stores.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "is_ledger"]
