import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ctilink.details import CallDetail
from drivers.ctilink.smdi import (
    LampRefused,
    Received,
    Receiver,
    StationError,
    call_record,
    lamp_command,
)

EM = b"\x19"


def detail(
    desk: str, terminal: str, kind: str, forwarded_from: str = "", ani: str = ""
) -> CallDetail:
    reasons = {"D": "direct", "A": "cfu", "B": "cfb", "N": "cfna"}
    return CallDetail(
        desk=desk,
        terminal=terminal,
        kind=kind,
        reason=reasons.get(kind, "cf-unknown"),
        forwarded_from=forwarded_from,
        ani=ani,
    )


EXPECTED: dict[str, Received] = {
    "direct-ext": detail("001", "0001", "D", "", "2005551"),
    "fwd-all": detail("001", "0002", "A", "5551234", "5556789"),
    "fwd-busy": detail("001", "0003", "B", "5551234", "5556789"),
    "fwd-noans-10": detail("063", "2047", "N", "9725551234", "2145556789"),
    "fwd-no-calling": detail("001", "0002", "A", "5551234"),
    "direct-no-calling": detail("001", "0001", "D"),
    "fwd-unknown": detail("001", "0004", "U", "5551234", "5556789"),
    "mwi-inv": LampRefused("5551234", "INV"),
    "mwi-blk": LampRefused("5551234", "BLK"),
    "mwi-inv-del": LampRefused("5551234", "INV"),
}


def received(data: bytes, receiver: Receiver | None = None) -> list[Received]:
    receiver = receiver or Receiver()
    return receiver.receive(data) + receiver.flush()


@pytest.mark.parametrize("name", EXPECTED)
def test_record_is_read_as_the_exchange_meant_it(name: str, samples: dict[str, bytes]) -> None:
    assert Receiver().receive(samples[name]) == [EXPECTED[name]]


@pytest.mark.parametrize("name", EXPECTED)
def test_record_is_the_same_wherever_it_is_cut(name: str, samples: dict[str, bytes]) -> None:
    data = samples[name]
    for cut in range(len(data) + 1):
        receiver = Receiver()
        assert receiver.receive(data[:cut]) + receiver.receive(data[cut:]) == [EXPECTED[name]]


@pytest.mark.parametrize("name", EXPECTED)
def test_record_is_the_same_with_parity_bits(name: str, samples: dict[str, bytes]) -> None:
    data = bytes(b | 0x80 if b.bit_count() % 2 else b for b in samples[name])
    receiver = Receiver()
    assert receiver.receive(data) == [EXPECTED[name]]
    assert receiver.counts["parity_bits"] > 0


def test_all_records_in_one_stream_byte_by_byte(samples: dict[str, bytes]) -> None:
    receiver = Receiver()
    stream = b"".join(samples[name] for name in EXPECTED)
    found = [item for byte in stream for item in receiver.receive(bytes((byte,)))]
    assert found == list(EXPECTED.values())


def test_lamp_commands_are_byte_exact(samples: dict[str, bytes]) -> None:
    assert lamp_command("5551234", on=True) == samples["op-mwi"]
    assert lamp_command("5551234", on=False) == samples["rmv-mwi"]


def test_stripped_digits_come_back_as_zeros() -> None:
    assert lamp_command("1234", on=True, strip_digits=3) == b"OP:MWI 0001234!\x04"
    assert lamp_command("5551234", on=True, strip_digits=3) == b"OP:MWI 0005551234!\x04"


@pytest.mark.parametrize("station", ["", "12a", "12!", "1 2", "١٢"])
def test_a_station_that_is_no_number_is_refused(station: str) -> None:
    with pytest.raises(StationError):
        lamp_command(station, on=True)


def test_stripped_digits_of_both_numbers() -> None:
    receiver = Receiver(strip_digits=3)
    found = receiver.receive(b"\r\nMD0010002A5551234 12 \r\n\x19")
    assert found == [detail("001", "0002", "A", "1234", "")]


def test_record_cut_off_by_the_next_is_dropped_in_the_station() -> None:
    receiver = Receiver()
    found = received(b"\r\nMD0010002A5551\r\nMD0010003B5551234 5556789 \r\n\x19", receiver)
    assert found == [EXPECTED["fwd-busy"]]
    assert receiver.counts["truncated"] == 1


def test_record_cut_off_by_the_next_is_dropped_in_the_calling_number() -> None:
    receiver = Receiver()
    found = received(b"\r\nMD0010002A5551234 5556\r\nMD0010003B5551234 5556789 \r\n\x19", receiver)
    assert found == [EXPECTED["fwd-busy"]]
    assert receiver.counts["truncated"] == 1


@pytest.mark.parametrize("data", [b"\r\nMD0X10001D 200 \r\n", b"\r\nMD001000-D 200 \r\n"])
def test_letter_in_desk_or_terminal_drops_the_record(data: bytes) -> None:
    receiver = Receiver()
    assert received(data, receiver) == []
    assert receiver.counts["bad_fixed_field"] == 1


def test_blanks_between_fixed_fields_are_skipped() -> None:
    found = Receiver().receive(b"\r\nMD 001 0001 D 2005551 \r\n\x19")
    assert found == [EXPECTED["direct-ext"]]


def test_unknown_call_type_is_kept_and_mapped() -> None:
    (found,) = Receiver().receive(b"\r\nMD0010001X5551234 5556789 \r\n\x19")
    assert isinstance(found, CallDetail)
    assert (found.kind, found.reason) == ("X", "cf-unknown")


@pytest.mark.parametrize(("keep", "expected"), [("first", "1234567890"), ("last", "2345678901")])
def test_number_of_eleven_digits_is_cut(keep: str, expected: str) -> None:
    receiver = Receiver(long_numbers="first" if keep == "first" else "last")
    (found,) = receiver.receive(b"\r\nMD0010001A12345678901 5556789 \r\n\x19")
    assert isinstance(found, CallDetail)
    assert (found.forwarded_from, found.ani) == (expected, "5556789")
    assert receiver.counts["long_numbers"] == 1


@pytest.mark.parametrize(("text", "restricted"), [("P", True), ("PRIVATE", True), ("O", False)])
def test_letters_for_the_calling_number_mean_none(text: str, *, restricted: bool) -> None:
    (found,) = Receiver().receive(f"\r\nMD0010001D {text} \r\n\x19".encode())
    assert isinstance(found, CallDetail)
    assert (found.ani, found.restricted) == ("", restricted)


@pytest.mark.parametrize("data", [b"\r\nMDM\r\n", b"\r\nMX12\r\n", b"\r\nMMD0010001D 20 \r\n"])
def test_unknown_message_resynchronises_at_the_next_line(data: bytes) -> None:
    receiver = Receiver()
    found = received(data + b"\r\nMD0010001D 2005551 \r\n\x19", receiver)
    assert found == [EXPECTED["direct-ext"]]


@pytest.mark.parametrize("echo", [b"OP:MWI 5551234!\x04", b"\r\nRMV:MWI 5551234!\x04"])
def test_our_own_command_echoed_is_no_refusal(echo: bytes, samples: dict[str, bytes]) -> None:
    receiver = Receiver()
    assert received(echo + samples["direct-ext"], receiver) == [EXPECTED["direct-ext"]]
    assert receiver.counts["refusals"] == 0


@pytest.mark.parametrize(
    "data", [b"\r\nMWI5551234 OK\r\n\x19", b"\r\nMWI INV\r\n\x19", b"\r\nMWI5551234\r\n\x19"]
)
def test_refusal_without_a_known_cause_is_counted(data: bytes) -> None:
    receiver = Receiver()
    assert received(data, receiver) == []
    assert receiver.counts["bad_refusal"] == 1


def test_record_without_any_end_is_whole_when_the_line_falls_silent() -> None:
    receiver = Receiver()
    assert receiver.receive(b"\r\nMD0010001D 2005551") == []
    assert receiver.unfinished
    assert receiver.flush() == [EXPECTED["direct-ext"]]
    assert receiver.flush() == []


def test_record_without_em_or_last_blank_is_whole_when_the_line_falls_silent() -> None:
    receiver = Receiver()
    assert receiver.receive(b"\r\nMD0010001D 2005551\r\n") == []
    assert receiver.unfinished
    assert receiver.flush() == [EXPECTED["direct-ext"]]


def test_record_is_taken_at_the_blank_behind_the_calling_number() -> None:
    assert Receiver().receive(b"\r\nMD0010001D 2005551 ") == [EXPECTED["direct-ext"]]


def test_fillers_are_dropped_anywhere(samples: dict[str, bytes]) -> None:
    data = b"\x00\x7f\xff".join(bytes((byte,)) for byte in samples["fwd-all"])
    assert Receiver().receive(data) == [EXPECTED["fwd-all"]]


def test_endless_text_is_dropped() -> None:
    receiver = Receiver()
    assert received(b"\r\nMD0010001D " + b"x" * 200, receiver) == []
    assert receiver.counts["overlong"] == 1


def test_parity_is_suspected_when_more_than_one_in_twenty_fails(samples: dict[str, bytes]) -> None:
    receiver = Receiver()
    for _ in range(19):
        receiver.receive(samples["direct-ext"])
    receiver.receive(b"\r\nMD0X\r\n")
    assert not receiver.parity_suspect
    receiver.receive(b"\r\nMD0X\r\n")
    assert receiver.parity_suspect


digits = st.text("0123456789", max_size=10)
details = st.builds(
    detail,
    st.integers(0, 999).map("{:03d}".format),
    st.integers(0, 9999).map("{:04d}".format),
    st.sampled_from("DABNUXZ"),
    digits,
    digits,
)


@given(details)
def test_a_record_built_is_read_back(wanted: CallDetail) -> None:
    assert Receiver().receive(call_record(wanted)) == [wanted]


@given(st.lists(details, max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_cuts_do_not_matter(wanted: list[CallDetail], cuts: list[int]) -> None:
    stream = b"".join(call_record(item) for item in wanted)
    receiver, found, start = Receiver(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        found += receiver.receive(stream[start:cut])
        start = max(start, cut)
    assert found == wanted


noise = st.binary(max_size=60) | st.text("MDWI 0123456789ABINVLK\r\n\x19!:", max_size=60).map(
    str.encode
)


@given(noise)
def test_any_bytes_are_survived_and_cut_alike(data: bytes) -> None:
    whole, pieces = Receiver(), Receiver()
    at_once = whole.receive(data) + whole.flush()
    one_by_one = [item for byte in data for item in pieces.receive(bytes((byte,)))]
    assert one_by_one + pieces.flush() == at_once
    assert whole.counts == pieces.counts


@given(noise, details)
def test_a_record_after_noise_is_found(data: bytes, wanted: CallDetail) -> None:
    receiver = Receiver()
    receiver.receive(data + EM)
    assert receiver.receive(call_record(wanted)) == [wanted]
