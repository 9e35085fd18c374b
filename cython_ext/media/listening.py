"""What a port is listened to for: speech, fax tones, the identity of a caller."""

from typing import Final

from cython_ext.media import _media
from cython_ext.media.owner import Owner

_FAX: Final = 2  # HF_ARM_FAX


class Listening(Owner):
    """The part of an engine that arms detectors."""

    def arm_barge_in(self, port: int, *, on: bool) -> None:
        """Report the first speech on a port once, or stop listening for it."""
        self._push(_media.ARM, self._port(port).handle, flag=on)

    def watch_fax(self, port: int, *, on: bool) -> None:
        """Report the first fax tone on a port (cng or ced) once, or stop watching for it."""
        self._push(_media.ARM, self._port(port).handle, flag=_FAX + on)

    def hear_caller(self, port: int, *, on: bool) -> None:
        """Read caller identity sent by FSK, Bell 202 or V.23; or stop doing so."""
        handle = _media.new_caller_id(port) if on else None
        self._push(_media.HEAR_CALLER, self._port(port).handle, handle)
