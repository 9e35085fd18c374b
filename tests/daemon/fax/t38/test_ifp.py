"""Where an IFP packet ends: of a whole fax as the library sends it, and of anything."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fax.messages import OK
from daemon.fax.t38.ifp import ifp_length
from daemon.fax.t38.terminal import T38Terminal
from tests.fakes.fax_network import FRAME, End, Way
from tests.fakes.fax_pages import write_pages


@pytest.mark.parametrize("ecm", [True, False])
def test_each_packet_of_a_fax_ends_where_it_ends(tmp_path: Path, ecm: bool) -> None:
    there, back, packets = Way(), Way(), set[bytes]()
    near, far = End(there, back), End(back, there)

    def send(ifp: bytes, count: int) -> None:
        packets.add(ifp)
        near.transmit(ifp, count)

    def answer(ifp: bytes, count: int) -> None:
        packets.add(ifp)
        far.transmit(ifp, count)

    page = write_pages(tmp_path / "out.tif", ["a page"])
    with (
        T38Terminal(page, send=True, transmit=send, ecm=ecm) as sender,
        T38Terminal(tmp_path / "in.tif", send=False, transmit=answer, ecm=ecm) as receiver,
    ):
        while sender.code is None or receiver.code is None:
            sender.passed(FRAME)
            receiver.passed(FRAME)
            far.deliver(receiver)
            near.deliver(sender)
        assert (sender.code, receiver.code) == (OK, OK)
    assert len({len(each) for each in packets}) >= 5
    for ifp in packets:
        assert ifp_length(ifp) == len(ifp) == ifp_length(ifp + bytes(50))
        assert all(ifp_length(ifp[:cut]) != len(ifp) for cut in range(len(ifp)))


@given(st.binary(max_size=80))
def test_anything_has_an_end_within_it_or_none(data: bytes) -> None:
    length = ifp_length(data)
    assert length is None or 0 < length <= len(data)
