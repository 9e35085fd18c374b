"""A UDP listener: datagrams that come together, and a socket that has no room."""

import asyncio

from drivers.sip.bench.texts import invite, status_of
from drivers.sip.transport import udp
from drivers.sip.transport.address import Address
from drivers.sip.transport.udp import UdpEndpoint


class Full:
    """Datagrams of a socket that takes none until it is told to."""

    def __init__(self) -> None:
        self.room = 0
        self.sent: list[bytes] = []

    def receive(self) -> list[tuple[bytes, Address]]:
        return []

    def send(self, data: bytes, host: str, port: int) -> bool:
        if data == b"wrong":
            raise OSError(90, "too long")
        if not self.room:
            return False
        self.room -= 1
        self.sent.append(data)
        return True


async def opened(received=lambda found: None) -> UdpEndpoint:
    endpoint = UdpEndpoint(received, flow=3)
    await endpoint.open("127.0.0.1", 0, receive_buffer=65536)
    return endpoint


async def test_what_came_together_is_handed_on_together() -> None:
    told: list[list[tuple[bytes, Address]]] = []
    news = asyncio.Event()

    def received(found: list[tuple[bytes, Address]]) -> None:
        told.append(found)
        news.set()

    endpoint, peer = await opened(received), await opened()
    for number in range(5):
        peer.send(b"%d" % number, endpoint.address[:2])
    async with asyncio.timeout(5):
        await news.wait()
    source = Address("127.0.0.1", peer.address.port, "udp", 3)
    assert told == [[(b"%d" % number, source) for number in range(5)]]
    endpoint.close()
    peer.close()


async def test_what_has_no_room_waits_in_order_also_over_the_end(monkeypatch) -> None:
    endpoint = await opened()
    full = Full()
    endpoint._datagrams = full
    place = ("127.0.0.1", 5060)
    for data in (b"1", b"2", b"wrong", b"3"):
        endpoint.send(data, place)
    endpoint.close()  # what waits leaves first
    endpoint.send(b"late", place)
    await asyncio.sleep(0)
    assert full.sent == []
    full.room = 9
    async with asyncio.timeout(5):
        while len(full.sent) < 3:
            await asyncio.sleep(0)
    assert full.sent == [b"1", b"2", b"3"]
    assert endpoint.errors == 1
    await asyncio.sleep(0)
    assert endpoint._socket is None


async def test_what_waits_has_an_end_and_is_counted(monkeypatch) -> None:
    monkeypatch.setattr(udp, "MOST_WAITING", 2)
    endpoint = await opened()
    endpoint._datagrams = full = Full()
    for _ in range(5):
        endpoint.send(b"x", ("127.0.0.1", 5060))
    assert endpoint.errors == 3
    full.room = 9
    async with asyncio.timeout(5):
        while len(full.sent) < 2:
            await asyncio.sleep(0)
    endpoint.close()


async def test_what_cannot_be_sent_is_counted_and_nothing_is_raised() -> None:
    endpoint = await opened()
    for place in (("::1", 5060), ("a.name.invalid", 5060), ("127.0.0.1", 70_000)):
        endpoint.send(b"x", place)
    endpoint.send(b"x" * 70_000, ("127.0.0.1", 5060))
    assert endpoint.errors == 4
    endpoint.close()
    endpoint.close()


async def test_records_of_calls_that_came_together_are_written_together(make_running) -> None:
    written: list[int] = []
    running = make_running(settle=lambda: written.append(len(running.journal)))
    await running.open()
    answered: list[bytes] = []
    caller = await opened(lambda found: answered.extend(data for data, _ in found))
    target = ("127.0.0.1", running.driver.port)
    caller.send(invite(1, "udp"), target)
    caller.send(b"\r\n\r\n", target)
    caller.send(b"no message\r\n\r\n", target)
    caller.send(invite(2, "udp"), target)
    async with asyncio.timeout(5):
        while len(answered) < 2:
            await asyncio.sleep(0.001)
    assert written == [2]
    assert sorted(status_of(data) for data in answered) == [180, 180]
    caller.close()
    await running.close()


async def test_a_fault_of_one_is_not_that_of_others_that_came_together(make_running) -> None:
    faults: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context.get("exception")))

    class Journal(list[tuple[str, bytes]]):
        """Breaks with the second and the fourth record."""

        asked = 0

        def append(self, record: tuple[str, bytes]) -> None:
            self.asked += 1
            if self.asked in (2, 4):
                raise ArithmeticError
            super().append(record)

    running = make_running()
    running.journal = Journal()
    await running.open()
    answered: list[bytes] = []
    caller = await opened(lambda found: answered.extend(data for data, _ in found))
    for number in range(1, 7):
        caller.send(invite(number, "udp"), ("127.0.0.1", running.driver.port))
    async with asyncio.timeout(5):
        while len(answered) < 4:
            await asyncio.sleep(0.001)
    assert [call_of(data) for data in answered] == [call_of(invite(n, "udp")) for n in (1, 3, 5, 6)]
    assert [status_of(data) for data in answered] == [180] * 4
    assert [type(fault) for fault in faults] == [ArithmeticError] * 2
    caller.close()
    await running.close()


def call_of(data: bytes) -> bytes:
    return data.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]


async def test_what_the_kernel_reports_is_counted_and_the_next_datagram_comes() -> None:
    told: list[bytes] = []
    endpoint = await opened(lambda found: told.extend(data for data, _ in found))
    peer = await opened()
    usual = endpoint._datagrams

    class Failing(Full):
        def receive(self) -> list[tuple[bytes, Address]]:
            endpoint._datagrams = usual
            raise ConnectionRefusedError(111, "a port is closed at the peer")

    endpoint._datagrams = Failing()
    peer.send(b"there", endpoint.address[:2])
    async with asyncio.timeout(5):
        while not told:
            await asyncio.sleep(0)
    assert (told, endpoint.errors) == ([b"there"], 1)
    endpoint.close()
    peer.close()


async def test_a_listener_may_be_closed_by_what_it_receives() -> None:
    told: list[bytes] = []

    def received(found: list[tuple[bytes, Address]]) -> None:
        told.extend(data for data, _ in found)
        endpoint.close()
        for _, source in found:
            endpoint.send(b"late", source[:2])

    endpoint, peer = await opened(received), await opened()
    for _ in range(3):
        peer.send(b"x", endpoint.address[:2])
    async with asyncio.timeout(5):
        while not told:
            await asyncio.sleep(0)
    assert told == [b"x"] * 3
    assert (endpoint.errors, endpoint._socket) == (0, None)
    peer.close()


async def test_deadlines_go_on_after_one_that_fails(make_running) -> None:
    """Calls are repeated and ended in time, whatever the timer of another one does."""
    faults: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context.get("exception")))
    running = await make_running().open()
    broken = Broken()
    services = running.driver.core.services
    services.timers.now = running.driver.clock()
    services.timers.start(broken, 1, 0.01)
    services.timers.start(whole := Whole(), 1, 0.03)
    running.driver.border.flush()
    async with asyncio.timeout(5):
        await whole.fired.wait()
    assert [type(fault) for fault in faults] == [ArithmeticError]
    await running.close()


class Broken:
    """An owner of a deadline that fails."""

    def __init__(self) -> None:
        self.timers: dict[int, float] = {}

    def timer_fired(self, timer: int) -> None:
        raise ArithmeticError


class Whole(Broken):
    """Another one."""

    def __init__(self) -> None:
        super().__init__()
        self.fired = asyncio.Event()

    def timer_fired(self, timer: int) -> None:
        self.fired.set()
