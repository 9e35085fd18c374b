"""What answers our own requests is never taken for a flood, wherever a carrier answers from."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest

from drivers.api import LineId
from drivers.events import Cause, Released
from drivers.sip.border import fixed_gateways
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.trunks.plan import GatewayOptions
from tests.drivers.sip.conftest import Running
from tests.drivers.sip.transport.test_resolver import Table

CALLS = 12
_BUSY = b"SIP/2.0 486 Busy Here\r\n"
_NAMES = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")


class Carrier(asyncio.DatagramProtocol):
    """Refuses every call, from the socket it was called at or from another one of its own."""

    def __init__(self) -> None:
        self.refused: set[bytes] = set()
        self.seen = 0
        self.other: asyncio.DatagramTransport | None = None
        self.transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        """Where it is called."""
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.startswith(b"INVITE "):
            return
        self.seen += 1
        lines = [
            line
            for line in data.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
            if line.partition(b":")[0] in _NAMES
        ]
        echoed = [line + b";tag=c" if line.startswith(b"To:") else line for line in lines]
        found = re.search(rb"branch=([^;\r\n]+)", data)
        assert found is not None
        self.refused.add(found[1])
        way = self.other or self.transport
        assert way is not None
        way.sendto(_BUSY + b"\r\n".join([*echoed, b"Content-Length: 0", b"", b""]), addr)


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(Carrier, local_addr=("127.0.0.1", 0))
    made.transport = transport
    yield made
    transport.close()
    if made.other is not None:
        made.other.close()
    await asyncio.sleep(0)


def tight(port: int, *, addresses: tuple[str, ...] = ()) -> SipOptions:
    """One who is no trunk may send two messages, and then one in ten minutes."""
    trunk = TrunkOptions(
        name="carrier", target=f"127.0.0.1:{port}", addresses=addresses, max_calls=CALLS
    )
    return SipOptions(port=0, trunks=(trunk,), source_limit_per_s=0.002, source_burst=2)


async def call_all(running: Running) -> None:
    lines = [running.driver.line(LineId(f"carrier/{number}")) for number in range(1, CALLS + 1)]
    await asyncio.gather(*(line.dial("5550100") for line in lines))
    await running.wait_for(Released, CALLS)
    assert {one.cause for one in running.told if isinstance(one, Released)} == {Cause.BUSY}


async def test_trunk_with_a_target_alone_answers_as_often_as_it_is_called(
    make_running: type[Running], carrier: Carrier
) -> None:
    running = await make_running(tight(carrier.port)).open()
    try:
        await call_all(running)
        assert running.driver.counters()["flood_dropped"] == 0
        assert carrier.seen == len(carrier.refused) == CALLS  # nothing was sent twice
    finally:
        await running.close()


async def test_answers_pass_from_an_address_that_was_not_called(
    make_running: type[Running], carrier: Carrier
) -> None:
    loop = asyncio.get_running_loop()
    carrier.other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.2", 0)
    )
    running = await make_running(tight(carrier.port)).open()
    try:
        await call_all(running)
        assert running.driver.counters()["flood_dropped"] == 0
    finally:
        await running.close()


async def test_answers_to_nothing_are_dropped_as_a_flood(
    make_running: type[Running], free_port: Callable[[], int]
) -> None:
    running = await make_running(tight(free_port(), addresses=("192.0.2.7",))).open()
    try:
        guard = running.driver.border.guard
        stray = _BUSY + b"Via: SIP/2.0/UDP h;branch=z9hG4bKnone\r\nCSeq: 1 INVITE\r\n\r\n"
        assert [guard.passes(stray, "192.0.2.99", 1.0) for _ in range(4)] == [True] * 2 + [
            False
        ] * 2
        assert all(guard.passes(stray, host, 1.0) for host in ("127.0.0.1", "192.0.2.7") * 4)
    finally:
        await running.close()


async def test_place_that_a_name_leads_to_is_no_stranger(make_running: type[Running]) -> None:
    trunk = TrunkOptions(name="carrier", target="sip.carrier.example")
    options = SipOptions(port=0, trunks=(trunk,), source_limit_per_s=1.0, source_burst=1)
    running = await make_running(options).open()
    try:
        border = running.driver.border
        border.look_up(Table(addresses={"sip.carrier.example": ["192.0.2.44"]}).lookup())
        data = b"BYE sip:h SIP/2.0\r\n\r\n"
        assert [border.guard.passes(data, "192.0.2.44", 1.0) for _ in range(2)] == [True, False]
        assert len(await border.places("carrier")) == 1
        assert all(border.guard.passes(data, "192.0.2.44", 1.0) for _ in range(9))
        # To be called gives no right to call.
        assert running.driver.core.incoming.trunk_at("192.0.2.44") is None
    finally:
        await running.close()


def test_first_trunk_with_an_address_has_it() -> None:
    one = TrunkOptions(name="a", target="192.0.2.1:5062")
    two = TrunkOptions(
        name="b",
        target="sip.b.example",
        gateways=(GatewayOptions(target="192.0.2.1"), GatewayOptions(target="[2001:db8::1]:5060")),
    )
    assert fixed_gateways((one, two)) == {"192.0.2.1": "a", "2001:db8::1": "b"}
