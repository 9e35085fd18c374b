from typing import final

def record_at(data: bytes, start: int) -> tuple[int, str, bytes, float, int] | None:
    """Number, kind, payload and time of the record at a place, and where the next one begins.

    None when it is torn or damaged, or nothing is there.
    """

@final
class Gathered:
    """Records that wait to be written, in order; the files' form is in the docs of the journal."""

    last: int
    """Number of the newest record, gathered or written."""
    @property
    def size(self) -> int:
        """Bytes that wait."""

    def __init__(self, last: int = 0) -> None: ...
    def add(self, kind: str, payload: bytes, at: float) -> int:
        """Take one record and return its number; ValueError when it is too long, or behind 2**64 - 1."""

    def held(self) -> bytes:
        """All that waits."""

    def clear(self) -> None:
        """Forget what waits: it is written, or lost; its numbers stay used."""
