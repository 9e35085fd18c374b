"""Records of the journal in plain Python: what ``_gathered.pyx`` is compared with."""

import struct
import zlib
from typing import Final

LARGEST_BODY: Final = 64 * 1024 * 1024  # bytes; a longer length is damage, not a record
LARGEST_PAYLOAD: Final = LARGEST_BODY - 256
LAST_NUMBER: Final = 2**64 - 1
_HEADER: Final = struct.Struct("<IIQdB")
_LENGTH_AND_CRC: Final = struct.Struct("<II")
_CHECKED: Final = struct.Struct("<QdB")


class Gathered:
    """Records that wait to be written, in order; the files' form is in the docs of the journal."""

    def __init__(self, last: int = 0) -> None:
        self.last = last
        """Number of the newest record, gathered or written."""
        self.size = 0
        """Bytes that wait."""
        self._parts: list[bytes] = []

    def add(self, kind: str, payload: bytes, at: float) -> int:
        """Take one record and return its number; ValueError when kind or payload is too long."""
        named = kind.encode()
        length = len(named)
        if not 0 < length < 256 or len(payload) > LARGEST_PAYLOAD:
            raise ValueError("kind or payload too long")
        number = self.last + 1
        if number > LAST_NUMBER:
            raise ValueError("no number is left")
        checked = _CHECKED.pack(number, at, length) + named
        crc = zlib.crc32(payload, zlib.crc32(checked))
        head = _LENGTH_AND_CRC.pack(length + len(payload), crc) + checked
        self._parts += (head, payload)
        self.size += len(head) + len(payload)
        self.last = number
        return number

    def held(self) -> bytes:
        """All that waits."""
        return b"".join(self._parts)

    def clear(self) -> None:
        """Forget what waits: it is written, or lost; its numbers stay used."""
        self._parts.clear()
        self.size = 0


def record_at(data: bytes, start: int) -> tuple[int, str, bytes, float, int] | None:
    """Number, kind, payload and time of the record at a place, and where the next one begins.

    None when it is torn or damaged, or nothing is there.
    """
    if start < 0 or len(data) - start < _HEADER.size:
        return None
    length, crc, number, at, kind_length = _HEADER.unpack_from(data, start)
    end = start + _HEADER.size + length
    if length > LARGEST_BODY or kind_length > length or end > len(data):
        return None
    if zlib.crc32(memoryview(data)[start + _LENGTH_AND_CRC.size : end]) != crc:
        return None
    body = start + _HEADER.size
    try:
        kind = data[body : body + kind_length].decode()
    except UnicodeDecodeError:
        return None
    return number, kind, data[body + kind_length : end], at, end
