"""Seals the journal's records of calls whose descriptions hold SRTP keys (AES-128-GCM).

The key is not kept beside the journal: whoever gets a copy of that alone decrypts no audio.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE: Final = 12  # octets; at random, SP 800-38D 8.2.2
_PURPOSE: Final = b"hookflash sip.keyed"


class SealBroken(Exception):
    """A record was sealed with another key, or changed."""


class Sealer:
    """Seals and opens records; ``nonce`` gives random octets."""

    def __init__(self, key: bytes, nonce: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(sha256(_PURPOSE + key).digest()[:16])
        self._nonce = nonce

    def seal(self, payload: bytes) -> bytes:
        """The payload so that only ``open`` with the same key gives it back."""
        nonce = self._nonce(NONCE)
        return nonce + self._cipher.encrypt(nonce, payload, _PURPOSE)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed; SealBroken else."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], _PURPOSE)
        except (InvalidTag, ValueError):
            raise SealBroken from None
