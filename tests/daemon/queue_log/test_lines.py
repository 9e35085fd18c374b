from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.queue_log.lines import Event, LogLine, QueueLogError, clean, parse_line, seconds

FIELDS = st.text(max_size=12).map(clean)


@given(
    st.builds(
        LogLine,
        at_s=st.integers(0, 10**12 - 1),
        call=FIELDS,
        queue=FIELDS,
        agent=FIELDS,
        event=st.sampled_from(Event),
        data=st.lists(FIELDS, max_size=5).map(tuple),
    )
)
def test_a_line_is_read_as_it_was_written(line: LogLine) -> None:
    assert "\n" not in line.text()
    assert parse_line(line.text()) == line
    assert parse_line(line.text() + "\n") == line


@given(st.text(max_size=80))
def test_any_text_is_a_line_or_its_own_error(text: str) -> None:
    with suppress(QueueLogError):
        assert parse_line(text).text() == text.removesuffix("\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1|a|b|c",
        "x|a|b|c|CONNECT",
        "-1|a|b|c|CONNECT",
        "01|a|b|c|CONNECT",
        "1|a|b|c|NOTHING",
        "1|a|b|c|CONNECT|\x1b",
        "1|a|b|c|CONNECT\n2|a|b|c|CONNECT",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(QueueLogError):
        parse_line(text)


def test_a_caller_cannot_forge_a_line() -> None:
    assert clean("4711|NONE\n1|x") == "4711 NONE 1 x"


def test_seconds_are_rounded_halves_up() -> None:
    assert [seconds(ms) for ms in (-5, 0, 499, 500, 1499, 1500)] == [0, 0, 0, 1, 1, 2]
