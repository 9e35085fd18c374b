"""What a port is listened to for: speech, level, fax tones, who calls; taps and copies."""

from typing import Final

from cython_ext.media import _media
from cython_ext.media.clips import EngineError
from cython_ext.media.owner import Owner

NARROW: Final = 8000
WIDE: Final = 16000
AS_THE_LEG: Final = 0
_FAX: Final = 2  # HF_ARM_FAX
_LEVEL: Final = 1  # HF_LEVELS
_SPEAKER: Final = 2  # HF_TELLS_SPEAKER


class Listening(Owner):
    """The part of an engine that arms detectors."""

    def arm_barge_in(self, port: int, *, on: bool) -> None:
        """Report the first speech on a port once, or stop listening for it."""
        self._push(_media.ARM, self._port(port), flag=on)

    def attend(self, port: int, *, level: bool, speaker: bool) -> None:
        """Bring what a port says to -20 dBm0 for the others in its bridge; tell when it speaks.

        The level moves slowly and only while there is speech, by 12 dB at most (level.c).
        """
        self._push(_media.ATTEND, self._port(port), flag=_LEVEL * level + _SPEAKER * speaker)

    def watch_fax(self, port: int, *, on: bool) -> None:
        """Report the first fax tone on a port (cng or ced) once, or stop watching for it."""
        self._push(_media.ARM, self._port(port), flag=_FAX + on)

    def hear_caller(self, port: int, *, on: bool) -> None:
        """Read caller identity sent by FSK, Bell 202 or V.23; or stop doing so."""
        handle = _media.new_caller_id(port) if on else None
        self._push(_media.HEAR_CALLER, self._port(port), handle)

    def tap(self, port: int, *, rate: int = NARROW) -> tuple[int, int, int]:
        """memfd, eventfd and capacity of a port's tap; the descriptors stay the engine's.

        A port may have one of 8000 and one of 16000 samples a second. The wide one holds what
        a leg of G.722, or of Opus that is transcoded, says at 16 kHz; of every other leg the
        telephone band (up to 3.4 kHz) in twice as many samples. ``rate`` 0 is 16000 for a port
        whose leg has spoken such a codec, else 8000; the ring says which.
        """
        if rate == AS_THE_LEG:
            found = self._port(port)
            rate = WIDE if found.g722 or found.opus else NARROW
        return self._tapped(port, _tap_of(rate))

    def untap(self, port: int, *, rate: int = NARROW) -> None:
        """End a port's tap, with ``rate`` 0 both; nothing happens without one."""
        for each in (NARROW, WIDE) if rate == AS_THE_LEG else (rate,):
            self._end_tap(port, _tap_of(each))

    def copies(self, port: int) -> tuple[int, int, int]:
        """memfd, eventfd and octets of a ring with copies of a port's packets (copies.c).

        The descriptors stay the engine's. Only RTP ports have packets.
        """
        memfd, event, samples = self._tapped(port, _media.OF_PACKETS)
        return memfd, event, 2 * samples

    def end_copies(self, port: int) -> None:
        """Copy the packets of a port no longer; nothing happens when they are not."""
        self._end_tap(port, _media.OF_PACKETS)

    def _tapped(self, port: int, tapped: int) -> tuple[int, int, int]:
        found = self._port(port)
        if tapped not in found.taps:
            handle, memfd, event = _media.new_tap(port, tapped)
            self._push(_media.OPEN_TAP, found, handle, flag=tapped)
            found.taps[tapped] = (memfd, event, _media.TAP_SAMPLES)
        return found.taps[tapped]

    def _end_tap(self, port: int, tapped: int) -> None:
        found = self._port(port)
        if found.taps.pop(tapped, None) is not None:
            self._push(_media.CLOSE_TAP, found, flag=tapped)


def _tap_of(rate: int) -> int:
    if rate not in (NARROW, WIDE):
        raise EngineError("bad-argument", f"a tap has {NARROW} or {WIDE} samples a second")
    return _media.OF_WIDE_SAMPLES if rate == WIDE else _media.OF_SAMPLES
