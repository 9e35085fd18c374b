"""What the engine decided, as bytes: how a replay proves that it decides the same again."""

from hashlib import blake2b
from typing import Final

import msgspec

from acd_core.commands import AcdCommand

DIGEST_BYTES: Final = 8

_encoder = msgspec.msgpack.Encoder()


def encode_commands(commands: tuple[AcdCommand, ...]) -> bytes:
    """Write all that came of one event; equal decisions give equal bytes."""
    return _encoder.encode(commands)


def digest(commands: tuple[AcdCommand, ...]) -> bytes:
    """Short form of those bytes, for the journal."""
    return blake2b(encode_commands(commands), digest_size=DIGEST_BYTES).digest()
