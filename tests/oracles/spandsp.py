"""Telephone signals as libspandsp hears and makes them: an independent peer of tests.

The library is loaded by name (Debian ``libspandsp2``) and never linked with our code.
"""

import ctypes
import functools
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_ubyte, c_void_p
from typing import Final

_HEARD = CFUNCTYPE(None, c_void_p, POINTER(c_char), c_int)
# Of its enumeration of caller identity standards.
_CLASS: Final = 1
_CLIP: Final = 2
_CLIP_DTMF: Final = 5
_STANDARDS: Final = {"bell202": _CLASS, "v23": _CLIP, "dtmf": _CLIP_DTMF}
_LONGEST: Final = 80000  # samples of a transmission

Field = tuple[str, str]
"""What a field is (its start digit, empty for none) and its digits."""


@functools.cache
def library() -> ctypes.CDLL:
    """Load the library; OSError when it is not installed."""
    lib = ctypes.CDLL("libspandsp.so.2")
    for name in ("dtmf_rx_init", "dtmf_tx_init", "adsi_tx_init", "adsi_rx_init"):
        getattr(lib, name).restype = c_void_p
    for name in ("dtmf_rx", "dtmf_tx", "adsi_tx", "adsi_rx"):
        getattr(lib, name).argtypes = (c_void_p, c_char_p, c_int)
    for name in ("dtmf_rx_free", "dtmf_tx_free", "adsi_tx_free", "adsi_rx_free"):
        getattr(lib, name).argtypes = (c_void_p,)
    lib.dtmf_rx_init.argtypes = (c_void_p, _HEARD, c_void_p)
    lib.dtmf_tx_init.argtypes = (c_void_p,)
    lib.dtmf_tx_put.argtypes = (c_void_p, c_char_p, c_int)
    lib.adsi_tx_init.argtypes = (c_void_p, c_int)
    lib.adsi_rx_init.argtypes = (c_void_p, c_int, _HEARD, c_void_p)
    lib.adsi_tx_put_message.argtypes = (c_void_p, c_char_p, c_int)
    lib.adsi_add_field.argtypes = (c_void_p, c_char_p, c_int, c_ubyte, c_char_p, c_int)
    return lib


class DtmfReceiver:
    """Hears keys in 16-bit audio of 8 kHz."""

    def __init__(self) -> None:
        self.heard = ""
        self._callback = _HEARD(self._keys)
        self._state = library().dtmf_rx_init(None, self._callback, None)

    def _keys(self, _user: int, digits: "ctypes._Pointer[c_char]", count: int) -> None:
        self.heard += ctypes.string_at(digits, count).decode("ascii")

    def listen(self, audio: bytes) -> str:
        """Take more audio; returns all keys heard so far."""
        library().dtmf_rx(self._state, audio, len(audio) // 2)
        return self.heard

    def close(self) -> None:
        """Give the receiver's memory back."""
        library().dtmf_rx_free(self._state)


class CallerReceiver:
    """Hears caller identity in 16-bit audio of 8 kHz, as a display does."""

    def __init__(self, standard: str) -> None:
        """``standard`` is bell202, v23 or dtmf."""
        self.messages: list[bytes] = []
        """Whole messages without their checksum, or the keys."""
        self._callback = _HEARD(self._message)
        self._state = library().adsi_rx_init(None, _STANDARDS[standard], self._callback, None)

    def _message(self, _user: int, octets: "ctypes._Pointer[c_char]", count: int) -> None:
        self.messages.append(ctypes.string_at(octets, count))

    def listen(self, audio: bytes) -> list[bytes]:
        """Take more audio; returns all messages heard so far."""
        library().adsi_rx(self._state, audio, len(audio) // 2)
        return self.messages

    def close(self) -> None:
        """Give the receiver's memory back."""
        library().adsi_rx_free(self._state)


def keys_as_audio(keys: str) -> bytes:
    """The keys as its transmitter makes them: 50 ms on, 55 ms off."""
    lib = library()
    state = lib.dtmf_tx_init(None)
    lib.dtmf_tx_put(state, keys.encode("ascii"), len(keys))
    made = ctypes.create_string_buffer(2 * _LONGEST)
    count = lib.dtmf_tx(state, made, _LONGEST)
    lib.dtmf_tx_free(state)
    return made.raw[: 2 * count]


def caller_as_audio(end: str, fields: Sequence[Field]) -> bytes:
    """Caller identity by DTMF: ``end`` is C or #, each field has its start digit."""
    lib = library()
    state = lib.adsi_tx_init(None, _CLIP_DTMF)
    message = ctypes.create_string_buffer(256)
    length = lib.adsi_add_field(state, message, -1, ord(end), None, 0)
    for kind, digits in fields:
        code = ord(kind) if kind else 0
        body = digits.encode("ascii")
        length = lib.adsi_add_field(state, message, length, code, body, len(body))
    lib.adsi_tx_put_message(state, message, length)
    made = ctypes.create_string_buffer(2 * _LONGEST)
    count = lib.adsi_tx(state, made, _LONGEST)
    lib.adsi_tx_free(state)
    return made.raw[: 2 * count]
