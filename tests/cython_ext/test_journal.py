"""Records of the journal: the compiled form against the plain one, and against what reads them."""

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.implementation import PURE_PYTHON
from cython_ext.journal import oracle
from daemon.control.journaled.files import Record, unpack

FORMS: dict[str, Any] = {"oracle": oracle.Gathered}
if not PURE_PYTHON:
    from cython_ext.journal._gathered import Gathered

    FORMS["compiled"] = Gathered

KINDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
RECORDS = st.lists(
    st.tuples(KINDS, st.binary(max_size=400), st.floats(allow_nan=False)), max_size=20
)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Any:
    return FORMS[request.param]


@given(records=RECORDS, last=st.integers(0, 2**63))
def test_both_forms_write_the_same_bytes_and_they_are_read_back(
    records: list[tuple[str, bytes, float]], last: int
) -> None:
    written = []
    for form in FORMS.values():
        gathered = form(last)
        numbers = [gathered.add(*record) for record in records]
        assert numbers == list(range(last + 1, last + 1 + len(records)))
        assert gathered.last == last + len(records)
        written.append(gathered.held())
        assert gathered.size == len(written[-1])
    assert set(written) == {written[0]}
    position, found = 0, []
    while (next_one := unpack(written[0], position)) is not None:
        record, position = next_one
        found.append(record)
    assert position == len(written[0])
    assert found == [
        Record(last + 1 + at, kind, payload, when)
        for at, (kind, payload, when) in enumerate(records)
    ]


@pytest.mark.parametrize("size", [*range(40), 4095, 4096, 4097, 600_000])
def test_the_checksum_is_that_of_zlib_at_any_length(form: Any, size: int) -> None:
    gathered = form()
    gathered.add("k", bytes(at * 7 % 251 for at in range(size)), 1.5)
    held = gathered.held()
    assert int.from_bytes(held[4:8], "little") == zlib.crc32(held[8:])


def test_what_is_cleared_waits_no_more_and_keeps_its_numbers(form: Any) -> None:
    gathered = form(6)
    for size in (10, 700_000, 10):
        gathered.add("row", bytes(size), 0.0)
        assert gathered.size == len(gathered.held()) == 25 + 3 + size
        gathered.clear()
        assert (gathered.held(), gathered.size) == (b"", 0)
    assert gathered.last == 9


@pytest.mark.parametrize("kind", ["", "k" * 256, "é" * 128])
def test_a_kind_that_no_header_can_name_is_refused_and_takes_no_number(
    form: Any, kind: str
) -> None:
    gathered = form(3)
    with pytest.raises(ValueError, match="too long"):
        gathered.add(kind, b"", 0.0)
    assert (gathered.last, gathered.held()) == (3, b"")


def test_a_kind_without_utf8_is_refused(form: Any) -> None:
    gathered = form()
    with pytest.raises(UnicodeEncodeError):
        gathered.add("\udc80", b"", 0.0)
    assert (gathered.last, gathered.size) == (0, 0)


def test_a_payload_longer_than_any_reader_takes_is_refused(form: Any) -> None:
    gathered = form()
    with pytest.raises(ValueError, match="too long"):
        gathered.add("k", bytes(oracle.LARGEST_PAYLOAD + 1), 0.0)
    assert gathered.size == 0
