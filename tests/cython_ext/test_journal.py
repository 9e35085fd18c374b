"""Records of the journal: the compiled form against the plain one, and against what reads them."""

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.implementation import PURE_PYTHON
from cython_ext.journal import oracle

FORMS: dict[str, Any] = {"oracle": oracle.Gathered}
READERS: dict[str, Any] = {"oracle": oracle.record_at}
if not PURE_PYTHON:
    from cython_ext.journal._gathered import Gathered, record_at

    FORMS["compiled"] = Gathered
    READERS["compiled"] = record_at

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
    for reader in READERS.values():
        position, found = 0, []
        while (record := reader(written[0], position)) is not None:
            *fields, position = record
            found.append(tuple(fields))
        assert position == len(written[0])
        assert found == [(last + 1 + at, *record) for at, record in enumerate(records)]


@given(data=st.data(), records=RECORDS.filter(bool))
def test_both_forms_find_the_same_in_what_is_damaged(
    data: st.DataObject, records: list[tuple[str, bytes, float]]
) -> None:
    gathered = oracle.Gathered()
    for record in records:
        gathered.add(*record)
    damaged = bytearray(gathered.held())
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    some = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for start in (0, data.draw(st.integers(-2, len(some) + 2))):
        found = [reader(some, start) for reader in READERS.values()]
        assert all(repr(one) == repr(found[0]) for one in found)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_record_is_found_cut_nowhere_and_changed_nowhere(reader: Any) -> None:
    gathered = oracle.Gathered(8)
    gathered.add("é", b"payload", 1.5)
    held = gathered.held()
    assert reader(b"before" + held + b"behind", 6) == (9, "é", b"payload", 1.5, 6 + len(held))
    for cut in range(len(held)):
        assert reader(held[:cut], 0) is None
    for place in range(len(held)):
        changed = bytearray(held)
        changed[place] ^= 1
        assert reader(bytes(changed), 0) is None


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_kind_that_is_no_text_is_damage(reader: Any) -> None:
    checked = struct.pack("<QdB", 1, 0.0, 1) + b"\xff"
    assert reader(struct.pack("<II", 1, zlib.crc32(checked)) + checked, 0) is None


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


def test_numbers_do_not_begin_again(form: Any) -> None:
    gathered = form(2**64 - 2)
    assert gathered.add("row", b"", 0.0) == 2**64 - 1
    held = gathered.held()
    with pytest.raises(ValueError, match="no number"):
        gathered.add("row", b"", 0.0)
    assert (gathered.last, gathered.held()) == (2**64 - 1, held)


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
