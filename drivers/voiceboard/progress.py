"""Which call-progress tone a line sends while a call is dialled. No I/O.

Frequencies are recognised in 20 ms frames, tones by how they pulse. Time is counted in the
frames that were fed.
"""

from typing import Final

import msgspec

from cython_ext import dsp
from drivers.tones import TONES, CountryTones, Tone
from drivers.voiceboard.port import PortInput

RATE: Final = 8000
FRAME_MS: Final = 20
FRAME: Final = RATE * FRAME_MS // 1000
PURITY: Final = 0.8
"""Part of a frame's energy that a tone's frequencies must hold; speech has far less."""
QUIET_DBM0: Final = -45.0
"""A frame below this is silence; exchanges send tones above -40 dBm0."""
TOLERANCE: Final = 0.15
PAIRS: Final = 2
"""Equal on and off times needed before busy is believed, after the first burst."""
VOICE_MS: Final = 240
"""Sound that is no tone for this long, gaps of 100 ms allowed, is somebody speaking."""
GAP_MS: Final = 100


class _Burst(msgspec.Struct):
    """What has sounded without a change, and for how long."""

    hertz: tuple[float, ...] | None
    """None: silence; empty: sound that is no tone."""
    ms: int = 0


class ProgressDetector:
    """Frames of G.711 in, tones of one country out, as inputs of a port's machine."""

    def __init__(self, country: str, law: str = "alaw") -> None:
        self._tones: CountryTones = TONES[country]
        self._decode = dsp.alaw_decode if law == "alaw" else dsp.ulaw_decode
        found = (self._tones.dial, self._tones.ringback, self._tones.busy, self._tones.congestion)
        self._pairs = list(dict.fromkeys(tone.hertz for tone in found))
        self._hertz = sorted({hertz for tone in found for hertz in tone.hertz})
        self._dial_tone_ms = _longest_burst(self._tones) * 1.25
        self._rest = b""
        self.restart()

    def restart(self) -> None:
        """Forget what was heard: digits have been sent."""
        self._now: _Burst = _Burst(None)
        self._ended: list[_Burst] = []
        self._voice_ms = 0
        self._voice_gap_ms = 0
        self._ringback_heard = False
        self._told: set[PortInput] = set()

    def feed(self, audio: bytes) -> list[PortInput]:
        """Take audio in pieces of any size and return what it says."""
        audio = self._rest + audio
        found: list[PortInput] = []
        for start in range(0, len(audio) - FRAME + 1, FRAME):
            self._frame(self._decode(audio[start : start + FRAME]), found)
        self._rest = audio[len(audio) - len(audio) % FRAME :]
        return found

    def _frame(self, pcm: bytes, found: list[PortInput]) -> None:
        hertz = self._classify(pcm)
        if hertz == self._now.hertz:
            self._now.ms += FRAME_MS
        else:
            self._end_burst(found)
            self._now = _Burst(hertz, FRAME_MS)
        self._continuous(found)
        self._speech(found)

    def _classify(self, pcm: bytes) -> tuple[float, ...] | None:
        level = dsp.level(pcm)
        if level < QUIET_DBM0:
            return None
        shares = {
            hertz: 10 ** ((dsp.goertzel(pcm, RATE, hertz) - level) / 10) for hertz in self._hertz
        }
        best: tuple[float, ...] = ()
        for pair in self._pairs:
            # Each frequency of a pair must be there; 20 ms tell 50 Hz apart, so one tone
            # of a neighbouring pair would otherwise pass.
            enough = sum(shares[hertz] for hertz in pair) >= PURITY
            weakest = min(shares[hertz] for hertz in pair)
            if enough and weakest * 8 * len(pair) >= 1 and len(pair) > len(best):
                best = pair
        return best

    def _end_burst(self, found: list[PortInput]) -> None:
        # The frames at an edge hold half a tone and look like noise: too short to count.
        if self._now.hertz == () and self._now.ms <= FRAME_MS:
            if self._ended:
                self._ended[-1].ms += self._now.ms // 2
            return
        if self._ended and self._ended[-1].hertz == self._now.hertz:
            self._ended[-1].ms += self._now.ms
        else:
            self._ended.append(self._now)
        del self._ended[:-8]
        if self._now.hertz:
            self._tone_ended(found)

    def _tone_ended(self, found: list[PortInput]) -> None:
        tones = self._tones
        pulsed = [(PortInput.BUSY, tones.busy), (PortInput.CONGESTION, tones.congestion)]
        if tones.dial.cadence_ms:
            pulsed.append((PortInput.DIAL_TONE, tones.dial))
        for cause, tone in pulsed:
            if cause not in self._told and self._pulses(tone):
                self._told.add(cause)
                found.append(cause)
                return
        burst = self._ended[-1]
        if burst.hertz == tones.ringback.hertz and _near(burst.ms, tones.ringback.cadence_ms[0]):
            self._ringback_heard = True
            found.append(PortInput.RINGBACK)

    def _pulses(self, tone: Tone) -> bool:
        """Whether the last bursts are on, off, on, off, on in this tone's times."""
        count = 2 * PAIRS + 1
        last = self._ended[-count:]
        if len(last) < count:
            return False
        cadence = tone.cadence_ms
        return any(
            all(
                burst.hertz == (None if index % 2 else tone.hertz)
                and _near(burst.ms, cadence[(first + index) % len(cadence)])
                for index, burst in enumerate(last)
            )
            for first in range(0, len(cadence), 2)
        )

    def _continuous(self, found: list[PortInput]) -> None:
        """Dial tone lasts; ringback is over when its pause does not end."""
        now, tones = self._now, self._tones
        lasts = now.hertz == tones.dial.hertz and now.ms > self._dial_tone_ms
        steady = lasts and not tones.dial.cadence_ms
        if steady and PortInput.DIAL_TONE not in self._told and not self._ringback_heard:
            self._told.add(PortInput.DIAL_TONE)
            found.append(PortInput.DIAL_TONE)
        pause = max(tones.ringback.cadence_ms[1::2])
        if now.hertz is None and self._ringback_heard and now.ms > pause * 1.2:
            self._tell_voice(found)

    def _speech(self, found: list[PortInput]) -> None:
        if self._now.hertz == () and self._now.ms > FRAME_MS:
            self._voice_ms += FRAME_MS
            self._voice_gap_ms = 0
        else:
            self._voice_gap_ms += FRAME_MS
            if self._voice_gap_ms > GAP_MS:
                self._voice_ms = 0
        if self._voice_ms >= VOICE_MS:
            self._tell_voice(found)

    def _tell_voice(self, found: list[PortInput]) -> None:
        if PortInput.VOICE not in self._told:
            self._told.add(PortInput.VOICE)
            found.append(PortInput.VOICE)


def _longest_burst(tones: CountryTones) -> int:
    """Longest burst of a tone with dial tone's frequencies: dial tone lasts longer."""
    others = (tones.ringback, tones.busy, tones.congestion)
    same = [max(tone.cadence_ms[::2]) for tone in others if tone.hertz == tones.dial.hertz]
    return max(same, default=300)


def _near(measured_ms: int, nominal_ms: int) -> bool:
    return abs(measured_ms - nominal_ms) <= max(2 * FRAME_MS, TOLERANCE * nominal_ms)
