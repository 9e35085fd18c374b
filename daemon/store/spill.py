"""History that waits on disk while the database is away, so that memory stays bounded.

One file of frames: u32 length, u32 CRC-32, msgpack of ``[sequence, row]``. A frame that a
crash tore ends the file; the journal still has what it held.
"""

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from daemon.store.rows import HistoryRow

FILE: Final = "history.spill"
_FRAME: Final = struct.Struct("<II")


class Numbered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row with the number of the journal record it came from."""

    sequence: int
    row: HistoryRow


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Numbered)


class Spill:
    """The spill file of a site."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def exists(self) -> bool:
        """True while rows wait in the file."""
        return self._path.exists()

    def append(self, rows: Iterable[Numbered]) -> None:
        """Add rows and bring them to the disk; OSError when it cannot."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            for row in rows:
                body = _encoder.encode(row)
                file.write(_FRAME.pack(len(body), zlib.crc32(body)) + body)
            file.flush()
            os.fdatasync(file.fileno())

    def read(self) -> list[Numbered]:
        """All whole rows of the file, in order."""
        try:
            return list(unpack(self._path.read_bytes()))
        except FileNotFoundError:
            return []

    def remove(self) -> None:
        """Remove the file: its rows are in the database."""
        self._path.unlink(missing_ok=True)


def unpack(data: bytes) -> Iterable[Numbered]:
    """Rows of a spill file's bytes up to the first torn or damaged frame."""
    start = 0
    while len(data) - start >= _FRAME.size:
        length, crc = _FRAME.unpack_from(data, start)
        body = data[start + _FRAME.size : start + _FRAME.size + length]
        if len(body) < length or zlib.crc32(body) != crc:
            return
        try:
            yield _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        start += _FRAME.size + length
