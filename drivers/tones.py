"""Call-progress tones by country: what exchanges send, and what our callers hear from us.

Frequencies and times are those of ITU-T E.180 (its list, Supplement 2) as exchanges are commonly
configured; an operator may differ. Modulated tones are given by their carrier.
"""

from typing import Final

import msgspec


class Tone(msgspec.Struct, frozen=True):
    """One tone: the frequencies that sound together and how it pulses."""

    hertz: tuple[float, ...]
    cadence_ms: tuple[int, ...] = ()
    """On, off, on, off...; empty: continuous."""

    @property
    def pair(self) -> tuple[float, float]:
        """Both frequencies, 0 for one that is not."""
        first, *more = self.hertz
        return first, more[0] if more else 0.0

    @property
    def steps_ms(self) -> tuple[tuple[int, int], ...]:
        """The cadence as pairs of on and off."""
        return tuple(zip(self.cadence_ms[::2], self.cadence_ms[1::2], strict=True))


class CountryTones(msgspec.Struct, frozen=True, kw_only=True):
    """What one country's exchanges send."""

    dial: Tone
    ringback: Tone
    busy: Tone
    congestion: Tone


def _single(hertz: float, ringback: tuple[int, ...], busy: int, congestion: int) -> CountryTones:
    """A country that uses one frequency for everything and tells tones apart by cadence."""
    return CountryTones(
        dial=Tone((hertz,)),
        ringback=Tone((hertz,), ringback),
        busy=Tone((hertz,), (busy, busy)),
        congestion=Tone((hertz,), (congestion, congestion)),
    )


INTERNATIONAL: Final = _single(425.0, (1000, 4000), 500, 250)
"""What ITU-T E.180 recommends where a country has no usage of its own."""

DOUBLE_RING: Final = (400, 200, 400, 2000)

TONES: Final[dict[str, CountryTones]] = {
    "au": CountryTones(
        dial=Tone((413.0, 438.0)),
        ringback=Tone((413.0, 438.0), DOUBLE_RING),
        busy=Tone((425.0,), (375, 375)),
        congestion=Tone((425.0,), (375, 375)),
    ),
    "br": CountryTones(
        dial=Tone((425.0,)),
        ringback=Tone((425.0,), (1000, 4000)),
        busy=Tone((425.0,), (250, 250)),
        congestion=Tone((425.0,), (250, 250, 750, 250)),
    ),
    "cn": _single(450.0, (1000, 4000), 350, 700),
    "de": _single(425.0, (1000, 4000), 480, 240),
    "es": CountryTones(
        dial=Tone((425.0,)),
        ringback=Tone((425.0,), (1500, 3000)),
        busy=Tone((425.0,), (200, 200)),
        congestion=Tone((425.0,), (200, 200, 200, 200, 200, 600)),
    ),
    "fr": _single(440.0, (1500, 3500), 500, 250),
    "in": _single(400.0, DOUBLE_RING, 750, 250),
    "it": CountryTones(
        dial=Tone((425.0,), (200, 200, 600, 1000)),
        ringback=Tone((425.0,), (1000, 4000)),
        busy=Tone((425.0,), (500, 500)),
        congestion=Tone((425.0,), (200, 200)),
    ),
    "jp": _single(400.0, (1000, 2000), 500, 500),
    "ru": _single(425.0, (1000, 4000), 350, 175),
    "uk": CountryTones(
        dial=Tone((350.0, 440.0)),
        ringback=Tone((400.0, 450.0), DOUBLE_RING),
        busy=Tone((400.0,), (375, 375)),
        congestion=Tone((400.0,), (400, 350, 225, 525)),
    ),
    "us": CountryTones(
        dial=Tone((350.0, 440.0)),
        ringback=Tone((440.0, 480.0), (2000, 4000)),
        busy=Tone((480.0, 620.0), (500, 500)),
        congestion=Tone((480.0, 620.0), (250, 250)),
    ),
}

RECOGNISED: Final = frozenset(TONES) - {"au"}
"""Countries whose tones a board port tells apart; Australia's are 12 Hz from one another, which
takes longer to hear than its bursts last."""
