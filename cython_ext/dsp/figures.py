"""Figures of telephone audio that both implementations share, with their sources."""

from typing import Final

RATE: Final = 8000  # Hz
FULL_SCALE_DBM0: Final = 3.14  # level of a sine that fills 16 bits; G.711 table 1 note, A-law
SILENCE_DBM0: Final = -99.0  # what silence is reported as; the logarithm of nothing has no value

# ITU-T Q.23
DTMF_ROWS: Final = (697.0, 770.0, 852.0, 941.0)
DTMF_COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_KEYS: Final = "123A456B789C*0#D"

# ITU-T Q.24 and the field's receivers.
DTMF_WINDOW: Final = 102  # samples, 12.75 ms
DTMF_STEP: Final = 51  # samples between windows
DTMF_HITS: Final = 4  # windows that make a key: always there at 40 ms, never at 20 ms
DTMF_MISSES: Final = 3  # windows that end it: a shorter dropout stays inside the key
DTMF_LEVEL_DBM0: Final = -42.0  # weakest tone
DTMF_TWIST_DB: Final = 9.2  # low group stronger, at most; short windows err by 1 dB
DTMF_REVERSE_TWIST_DB: Final = 5.0  # high group stronger, at most
DTMF_PEAK_DB: Final = 6.3  # a tone above the others of its group, at least
DTMF_PURITY: Final = 0.66  # share of the window's energy in the two tones, at least

VAD_FRAME: Final = 80  # samples, 10 ms
VAD_ABOVE_NOISE_DB: Final = 9.0
VAD_ON_FRAMES: Final = 3
VAD_OFF_FRAMES: Final = 20
VAD_NOISE_RISE_DB: Final = 0.05  # a frame; the noise estimate follows down at once
