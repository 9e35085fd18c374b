"""Pages through a T.38 gateway of others: our T.38 on its one side, our audio on the other.

Its UDPTL, its descriptions and its RTP are its own; what it hears as T.30 it hears by libspandsp
as well. One page goes from T.38 to audio, one from audio to T.38, at the same time.
"""

import asyncio
import re
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.control.faxes.t38 import peer_of
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded
from drivers.api import RtpAddress, RtpFormat
from drivers.sip.fax.description import describe, own_terms, read_terms, wants_t38
from drivers.sip.sdp import parse_sdp
from drivers.t38 import Correction, T38Terms
from tests.daemon.fax.rtpengine import Rtpengine
from tests.daemon.fax.test_t38_host import opened
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

AUDIO = """\
v=0\r\no=audio 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"""


@pytest.fixture
def at_once() -> int:
    return 4


async def page(
    bench: FaxBench, engine: Rtpengine, number: int, *, send: bool, correction: Correction
) -> tuple[T38Terms, FaxEnded, FaxEnded]:
    """Pass a page between T.38 and audio: what it says of its T.38, and both ends.

    ``send``: T.38 is the side that sends. The T.38 side has this number, audio the next.
    """
    by_packets, by_audio = number, number + 1
    name = str(number)
    local = RtpAddress(*await opened(bench, by_packets))
    ours = describe(7, local.host, place=0, others=(), terms=own_terms(local, correction))
    sdp = await engine.describe(
        "offer", sdp=ours.decode(), call_id=name, from_tag="t38", flags_t38=["decode"]
    )
    audio = re.search(r"^m=audio (\d+) RTP/AVP (?:\d+ )*8\b", sdp, re.MULTILINE)
    assert audio is not None, sdp
    port, address = await bench.link.open_rtp()
    answered = AUDIO.format(port=address.port)
    sdp = await engine.describe(
        "answer", sdp=answered, call_id=name, from_tag="t38", to_tag="audio"
    )
    answer = parse_sdp(sdp.encode())
    place = wants_t38(answer)
    assert place is not None, sdp
    terms = read_terms(answer, place, own_host=local.host, signalled_from="")
    assert terms is not None, sdp
    terminal = await bench.start(
        by_audio, _file(send=not send, number=number), way=_way(send=not send), station="222"
    )
    await bench.link.connect_rtp(port, RtpAddress("127.0.0.1", int(audio[1])), RtpFormat())
    await bench.link.bridge(number, port, terminal)
    await bench.start(
        by_packets,
        _file(send=send, number=number),
        way=_way(send=send),
        station="111",
        t38=peer_of(terms),
    )
    ends = await asyncio.gather(
        bench.ended(by_packets, within=60), bench.ended(by_audio, within=60)
    )
    return terms, *ends


def _way(*, send: bool) -> str:
    return "send" if send else "receive"


def _file(*, send: bool, number: int) -> str:
    return "page" if send else f"got{number}"


async def test_pages_go_through_a_gateway_of_others(bench: FaxBench, tmp_path: Path) -> None:
    sent = write_pages(bench.site / "faxes" / "page.tif", ["one short page"])
    async with Rtpengine(tmp_path / "rtpengine") as engine:
        both = await asyncio.gather(
            page(bench, engine, 1, send=True, correction="redundancy"),
            page(bench, engine, 3, send=False, correction="parity"),
        )
    for number, (_, packets, audio) in zip((1, 3), both, strict=True):
        assert (packets.code, audio.code) == (fax.OK, fax.OK)
        assert (packets.pages, audio.pages, packets.t38, audio.t38) == (1, 1, True, False)
        assert (packets.station, audio.station) == ("222", "111")
        assert packets.packets["received"] > 50
        assert "malformed" not in packets.packets
        assert (packets.packets.get("lost", 0), packets.packets.get("late", 0)) == (0, 0)
        assert dots(bench.site / f"faxes/got{number}.tif") == dots(sent)
    assert [terms.correction for terms, _, _ in both] == ["redundancy", "parity"]
