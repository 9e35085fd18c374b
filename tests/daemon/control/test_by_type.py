"""What is found for a class: its own entry, else that of the nearest class above it."""

import pytest

from daemon.control.by_type import ByType
from daemon.control.calls.life import CallLife
from drivers.events import Answered, Held, LineEvent
from drivers.t38 import T38Asked, T38Event


class Above:
    """The most general one."""


class Between(Above):
    """Has no entry of its own."""


class Below(Between):
    """Has one."""


def test_the_nearest_class_that_is_named_counts() -> None:
    table = ByType({Above: "above", Below: "below"})
    assert [table[kind] for kind in (Above, Between, Below)] == ["above", "above", "below"]
    assert table[type("Lowest", (Below,), {})] == "below"


def test_a_class_of_which_nothing_is_known_is_an_error() -> None:
    table = ByType({Above: "above"})
    with pytest.raises(KeyError):
        table[int]
    assert int not in table


def test_a_call_tells_fax_events_of_a_line_from_others() -> None:
    doing = CallLife._DOING
    assert doing[T38Asked] is doing[T38Event]
    assert doing[Answered] is doing[Held] is doing[LineEvent]
    assert doing[T38Event] is not doing[LineEvent]
