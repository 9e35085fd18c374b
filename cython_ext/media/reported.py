"""What the engine thread reports, in words."""

from collections.abc import Mapping
from typing import Final

from cython_ext.media import _media
from cython_ext.media._media import Handle

Event = tuple[str | int | bytes | dict[str, float], ...]

_ENDS: Final = (
    "finished",
    "stopped",
    "digit",
    "replaced",
    "closed",
    "max",
    "silence",
    "error",
    "disk-full",
)
_FAX_KINDS: Final = ("", "cng", "ced")
_BEGAN: Final = 1  # HF_BEGAN
_SOURCES: Final = ("rfc4733", "inband", "device")


def event_of(
    kind: int,
    number: int,
    port: int,
    code: int,
    value: int,
    source: int,
    recordings: Mapping[int, tuple[Handle, int, str]],
) -> Event:
    """An event of the engine as ``Engine.poll`` gives it."""
    if kind == _media.ON_KEY:
        return ("digit", port, chr(code), value, _SOURCES[source])
    if kind == _media.ON_PLAY:
        return ("play", number, port, _ENDS[code])
    if kind == _media.ON_RECORD:
        handle, owner, path = recordings[number]
        facts = _media.recorded(handle)
        return ("record", number, owner, path, value, *facts, _ENDS[code])
    if kind == _media.ON_SPEECH:
        return ("fax", port, _FAX_KINDS[code]) if code else ("speech", port)
    if kind == _media.ON_SPEAKER:
        return ("speaker", number, port, int(code == _BEGAN))
    if kind == _media.ON_SILENCE:
        return ("silent", port, code)
    return ("device", port, "lost" if code else "event", code)


class CallerPieces:
    """Caller-identity messages, which come from the engine in pieces of eight octets."""

    def __init__(self) -> None:
        self._begun: dict[int, bytes] = {}

    def event(
        self, kind: int, number: int, port: int, code: int, value: int, source: int
    ) -> Event | None:
        """None for another event; the message with its last piece, before that ("caller",)."""
        if kind != _media.ON_CALLER:
            return None
        whole = self._begun.pop(port, b"") + number.to_bytes(8, "big")[:value]
        if not code:
            self._begun[port] = whole
            return ("caller",)
        return ("caller", port, whole)
