"""A cache that drops the value used least recently."""

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """A bounded cache for several threads, which drops the least recently used value.

    Values are made outside the lock, to avoid deadlocks with other locks that making one needs. Two
    threads may therefore make a value for the same key at the same time.

    Parameters
    ----------
    max_size : int
        Most values that are kept.
    max_keys : int, optional
        Most different keys among them. Values lent at the same time may share a key.

    Examples
    --------
    >>> cache = LRUCache(max_size=2)
    >>> cache.get("a", lambda: 1), cache.get("a", lambda: 2)
    (1, 1)
    >>> with cache.borrow("a", lambda: 3) as value:
    ...     value, len(cache)
    (1, 0)
    """

    def __init__(self, max_size: int, max_keys: int | None = None):
        self.max_size, self.max_keys = max_size, max_keys
        self._entries: list[tuple[Hashable, Value]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made if needed, for many threads."""
        with self._lock:
            entry = self._pop(key)
            if entry:
                self._push(entry)
                return entry[1]
        made = key, make()
        with self._lock:
            entry = self._pop(key) or made
            self._push(entry)
        return entry[1]

    @contextlib.contextmanager
    def borrow(self, key: Hashable, make: Callable[[], Value]) -> Iterator[Value]:
        """Lend a value of `key` to one thread; make one if all kept values are lent.

        The value returns to the cache even after an error, so each borrower must set its state.
        """
        with self._lock:
            entry = self._pop(key)
        entry = entry or (key, make())
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._push(entry)

    def clear(self) -> None:
        """Drop every value that is not lent."""
        with self._lock:
            self._entries.clear()

    def _pop(self, key: Hashable) -> tuple[Hashable, Value] | None:
        for i in reversed(range(len(self._entries))):
            if self._entries[i][0] == key:
                return self._entries.pop(i)
        return None

    def _push(self, entry: tuple[Hashable, Value]) -> None:
        self._entries.append(entry)
        del self._entries[: -self.max_size]
        if self.max_keys is not None:
            newest = self._newest_keys()[: self.max_keys]
            self._entries = [one for one in self._entries if one[0] in newest]

    def _newest_keys(self) -> list[Hashable]:
        keys: list[Hashable] = []
        for key, _ in reversed(self._entries):
            if key not in keys:
                keys.append(key)
        return keys
