"""What a number means that somebody inside dials, or hands a caller on to."""

from collections.abc import Callable

import msgspec

from daemon.config import TelephoneOptions
from daemon.control.calls.places import DIALLABLE


class PickUp(msgspec.Struct, frozen=True):
    """A call that rings at another station; empty: at any of the group."""

    station: str = ""


class Slot(msgspec.Struct, frozen=True):
    """A parking slot; empty: the first that is free."""

    name: str = ""


class Inside(msgspec.Struct, frozen=True):
    """Another station."""

    station: str


class Outside(msgspec.Struct, frozen=True):
    """Anything that a trunk can call."""

    number: str


Wish = PickUp | Slot | Inside | Outside


def wish_of(
    number: str, options: TelephoneOptions, is_station: Callable[[str], bool]
) -> Wish | None:
    """Read a dialled number: codes first, then stations; None when nobody can be meant."""
    if number in options.slot_names:
        return Slot(number)
    if options.slots and number == options.park:
        return Slot()
    if is_station(number):
        return Inside(number)
    if number.startswith(options.pick_up):
        station = number.removeprefix(options.pick_up)
        return PickUp(station) if not station or is_station(station) else None
    return Outside(number) if DIALLABLE.fullmatch(number) else None
