"""Which call detail belongs to which ringing port: oldest first, each given once.

An exchange sends the detail before or during the first ring, so either side may be early:
details wait for a ring, and rings wait for a detail. Seconds are passed in.
"""

from collections import Counter, deque
from collections.abc import Callable

import msgspec

from drivers.ctilink.details import CallDetail, TerminalKey

LARGEST_STORE = 1000
"""Details kept at most; an exchange that sends more without ringing is not configured."""


class _Kept(msgspec.Struct, frozen=True):
    detail: CallDetail
    expires: float


class DetailStore:
    """Details by (desk, terminal); the link is the store's owner."""

    def __init__(self, expire_s: float = 30.0) -> None:
        self.counts: Counter[str] = Counter()
        self._expire_s = expire_s
        self._kept: deque[_Kept] = deque()
        self._waiting: dict[TerminalKey, deque[Callable[[CallDetail], None]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, detail: CallDetail, now: float) -> None:
        """Give a detail to the port that waits longest for it, else keep it."""
        waiting = self._waiting.get(detail.key)
        if waiting:
            self.counts["matched_late"] += 1
            take = waiting.popleft()
            if not waiting:
                del self._waiting[detail.key]
            take(detail)
            return
        self.expire(now)
        if len(self._kept) >= LARGEST_STORE:
            self._kept.popleft()
            self.counts["overflowed"] += 1
        self._kept.append(_Kept(detail, now + self._expire_s))

    def take(self, key: TerminalKey, now: float) -> CallDetail | None:
        """Remove and return the oldest unexpired detail of a port."""
        self.expire(now)
        for index, kept in enumerate(self._kept):
            if kept.detail.key == key:
                del self._kept[index]
                self.counts["matched"] += 1
                return kept.detail
        return None

    def wait(self, key: TerminalKey, take: Callable[[CallDetail], None]) -> None:
        """Call ``take`` with the next detail of a port; ``stop_waiting`` ends that."""
        self._waiting.setdefault(key, deque()).append(take)

    def stop_waiting(self, key: TerminalKey, take: Callable[[CallDetail], None]) -> None:
        """Forget a wait, whether or not it was served."""
        waiting = self._waiting.get(key)
        if waiting and take in waiting:
            waiting.remove(take)
            if not waiting:
                del self._waiting[key]

    def expire(self, now: float) -> None:
        """Drop details that no port has taken in time, and count them."""
        # Every detail lives equally long, so the oldest expire first.
        while self._kept and self._kept[0].expires <= now:
            self._kept.popleft()
            self.counts["expired"] += 1
