"""Call-progress tones by country, as exchanges send them on analogue lines.

Frequencies and cadences as in the widely used tables of national tones (ITU-T E.180 and
its list); operators deviate, which the tolerances of the detector absorb.
"""

import msgspec


class Tone(msgspec.Struct, frozen=True):
    """One tone: the frequencies that sound together and how it pulses."""

    hertz: tuple[float, ...]
    cadence_ms: tuple[int, ...] = ()
    """On, off, on, off...; empty: continuous."""


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


TONES: dict[str, CountryTones] = {
    "cn": _single(450.0, (1000, 4000), 350, 700),
    "de": _single(425.0, (1000, 4000), 480, 240),
    "fr": _single(440.0, (1500, 3500), 500, 250),
    "ru": _single(425.0, (1000, 4000), 350, 175),
    "jp": _single(400.0, (1000, 2000), 500, 500),
    "br": _single(425.0, (1000, 4000), 250, 250),
    "us": CountryTones(
        dial=Tone((350.0, 440.0)),
        ringback=Tone((440.0, 480.0), (2000, 4000)),
        busy=Tone((480.0, 620.0), (500, 500)),
        congestion=Tone((480.0, 620.0), (250, 250)),
    ),
    "uk": CountryTones(
        dial=Tone((350.0, 440.0)),
        ringback=Tone((400.0, 450.0), (400, 200, 400, 2000)),
        busy=Tone((400.0,), (375, 375)),
        congestion=Tone((400.0,), (400, 350, 225, 525)),
    ),
}
