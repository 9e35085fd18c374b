from typing import final

@final
class Deadlines:
    """One deadline a handle, the earliest first; equal times in the order they were set."""

    def __len__(self) -> int: ...
    def set(self, handle: int, when: float) -> None:
        """Set or replace the deadline of a handle, 0 to 2^24 - 1."""

    def cancel(self, handle: int) -> None:
        """Forget the deadline of a handle; nothing when it has none."""

    def first(self) -> float | None:
        """The earliest deadline."""

    def pop(self, now: float) -> int:
        """Take the earliest handle whose deadline is not after now; -1 for none."""

    def state(self) -> list[tuple[int, float]]:
        """Every handle with its time, in the order they were set."""
