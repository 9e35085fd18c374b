"""Hears a line while a call is dialled; from the answer on its audio is the engine's."""

import asyncio
import os
from collections.abc import Callable

from drivers.voiceboard import dahdi
from drivers.voiceboard.port import PortInput
from drivers.voiceboard.progress import ProgressDetector


class ToneListener:
    """Reads a channel's audio on the loop and tells the call-progress tones in it.

    It reads a duplicate of the descriptor, so the device may be closed at any moment.
    """

    def __init__(
        self, audio_fd: int, detector: ProgressDetector, heard: Callable[[PortInput], None]
    ) -> None:
        self._detector = detector
        self._heard = heard
        self._fd = os.dup(audio_fd)
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def restart(self) -> None:
        """Digits were sent: what was heard before does not count."""
        self._detector.restart()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        try:
            audio = os.read(self._fd, dahdi.CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            # While an event waits the channel gives no audio; the reader of events asks.
            if error.errno != dahdi.ELAST:
                self.close()
            return
        if not audio:
            self.close()
            return
        for cause in self._detector.feed(audio):
            self._heard(cause)
