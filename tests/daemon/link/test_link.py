"""Both ends of the link over a real socket: order, repeats, reconnects, descriptors."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from daemon.link import channel as link_channel
from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link import server as link_server
from daemon.link.client import MediaLink
from daemon.link.errors import LinkClosed, MediaAway, MediaRefused, MessageError
from daemon.link.frames import Frame, Unreadable, build_frame, build_packet, parse_packet
from daemon.link.lasting import LastingMediaLink
from daemon.link.messages import Command, MediaEvent
from daemon.link.server import Carried, LinkServer
from drivers.api import PortId, RtpAddress
from drivers.errors import DriverError

Connect = Callable[..., Awaitable[MediaLink]]


class Desk:
    """Carries out commands by writing them down."""

    def __init__(self) -> None:
        self.carried: list[Command] = []
        self.visits: list[str] = []
        self.host_may_answer = asyncio.Event()
        self.pipe = os.pipe()
        self.refuses = False

    def carry_out(self, command: Command) -> Carried:
        self.carried.append(command)
        match command:
            case ask.GrantPorts():
                return Carried(told.PortsGranted(host="192.0.2.1", ports=(5000, 5002)))
            case ask.OpenRtp() if self.refuses:
                raise MediaRefused("no-port", "somebody took it")
            case ask.OpenRtp(granted=True):
                return Carried(told.Done())
            case ask.ReadCounters():
                return Carried(told.Counters(values=()))
            case ask.OpenRtp():
                return Carried(told.RtpOpened(host="127.0.0.1", rtp_port=4000))
            case ask.OpenTap():
                return Carried(told.TapOpened(capacity=64), self.pipe)
            case ask.StopPlay(player=13):
                raise MediaRefused("unlucky", "not this one")
            case ask.StopPlay(player=14):
                raise ZeroDivisionError
            case ask.TakeSnapshot():
                port = told.PortState(port=PortId(command.page), kind="rtp")
                return Carried(told.Snapshot(last_event=0, pages=3, ports=(port,)))
        return Carried(told.Done())

    async def ask_host(self, command: ask.HostCommand) -> told.HostAnswer:
        self.carried.append(command)
        await self.host_may_answer.wait()
        return told.HostAnswer(payload=command.payload[::-1])

    def wrong(self, error: DriverError) -> None:
        raise AssertionError("a granted port was refused") from error

    def control_came(self, *, same: bool) -> None:
        self.visits.append("same" if same else "new")

    def control_went(self) -> None:
        self.visits.append("gone")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    for number in made.pipe:
        os.close(number)


@pytest.fixture
async def server(tmp_path: Path, desk: Desk) -> AsyncIterator[LinkServer]:
    made = LinkServer(tmp_path / "media.sock", desk)
    made.open()
    yield made
    await made.close()


@pytest.fixture
async def connect(tmp_path: Path, server: LinkServer) -> AsyncIterator[Connect]:
    links = []

    async def make(**options: object) -> MediaLink:
        ids = iter(range(1, 1000))
        link = await MediaLink.connect(
            tmp_path / "media.sock",
            lambda: next(ids),
            **options,  # type: ignore[arg-type]
        )
        links.append(link)
        return link

    yield make
    for link in links:
        await link.disconnect()


async def take(link: MediaLink, count: int) -> list[MediaEvent]:
    found: list[MediaEvent] = []
    async with asyncio.timeout(5):
        async for event in link.events():
            found.append(event)
            if len(found) == count:
                return found
    return found


def speech(port: int) -> told.SpeechStarted:
    return told.SpeechStarted(port=PortId(port))


async def test_commands_are_carried_out_in_order(connect: Connect, desk: Desk) -> None:
    link = await connect()
    port, address = await link.open_rtp()
    assert (port, address) == (1, RtpAddress("127.0.0.1", 4000))
    await asyncio.gather(*(link.stop_play(number) for number in range(20, 60)))
    players = [command.player for command in desk.carried if isinstance(command, ask.StopPlay)]
    assert players == list(range(20, 60))


async def test_a_refusal_carries_its_code_and_a_fault_does_not_end_the_link(
    connect: Connect,
) -> None:
    link = await connect()
    with pytest.raises(MediaRefused, match="not this one") as refused:
        await link.stop_play(13)
    assert refused.value.code == "unlucky"
    with pytest.raises(MediaRefused) as fault:
        await link.stop_play(14)
    assert fault.value.code == "internal"
    await link.stop_play(15)


async def test_what_is_asked_in_one_turn_is_carried_out_in_order_without_waiting(
    connect: Connect, desk: Desk
) -> None:
    link = await connect()
    opened = link.open_rtp()
    refused = link.stop_play(13)
    tap = link.tap(PortId(1))
    last = link.stop_play(15)
    assert desk.carried == []
    await last
    kinds = [type(command) for command in desk.carried]
    assert kinds == [ask.OpenRtp, ask.StopPlay, ask.OpenTap, ask.StopPlay]
    assert await opened == (1, RtpAddress("127.0.0.1", 4000))
    with pytest.raises(MediaRefused, match="not this one"):
        await refused
    for number in ((await tap).memfd, (await tap).eventfd):
        os.close(number)


async def test_what_nobody_waits_for_shares_a_packet_with_what_comes_next(
    connect: Connect, server: LinkServer, desk: Desk
) -> None:
    link = await connect()
    await link.stop_play(14 + 1)
    ending = asyncio.ensure_future(link.close(PortId(3)))
    another = link.stop_play(16)
    await another
    kinds = [type(command) for command in desk.carried[1:]]
    assert kinds == [ask.ClosePort, ask.StopPlay]
    assert ending.done()  # its answer came with the other
    server.emit(told.PlayFinished(player=5, port=PortId(3), reason="stopped"))
    server.emit(speech(4))
    assert [event.number for event in await take(link, 2)] == [1, 2]


async def test_what_nobody_waits_for_comes_by_itself_when_nothing_follows(
    connect: Connect, server: LinkServer
) -> None:
    link = await connect()
    await asyncio.wait_for(link.close(PortId(3)), 5)
    server.emit(told.PlayFinished(player=5, port=PortId(3), reason="stopped"))
    assert [event.number for event in await take(link, 1)] == [1]


async def test_what_media_cannot_read_fails_its_command_alone(connect: Connect, desk: Desk) -> None:
    link = await connect()
    ill, well = link.stop_play(-1), link.stop_play(15)
    await well
    with pytest.raises(MediaRefused) as refused:
        await ill
    assert refused.value.code == "bad-command"
    assert desk.carried == [ask.StopPlay(player=15)]


async def test_what_control_cannot_read_fails_its_command_alone(
    connect: Connect, server: LinkServer
) -> None:
    link = await connect()
    slow = asyncio.ensure_future(link.host("board", b""))
    await asyncio.sleep(0)
    await link.stop_play(1)
    assert server._control is not None
    odd = told.TapOpened(capacity=-1)
    server._control.socket.send(build_frame(Frame(1, odd)))
    with pytest.raises(MessageError):
        await slow
    await link.stop_play(15)


async def test_a_given_up_command_does_not_hold_up_the_next(connect: Connect) -> None:
    link = await connect(patience_s=0.2)
    slow = [asyncio.ensure_future(link.host("board", b"")) for _ in range(3)]
    for command in slow:
        with pytest.raises(MediaAway, match="HostCommand"):
            await command
    await link.stop_play(15)


async def test_descriptors_travel(connect: Connect, desk: Desk) -> None:
    link = await connect()
    tap = await link.tap(PortId(1))
    try:
        assert tap.capacity == 64
        os.write(tap.eventfd, b"x")
        assert os.read(desk.pipe[0], 1) == b"x"
    finally:
        os.close(tap.memfd)
        os.close(tap.eventfd)


async def test_snapshot_pages_are_put_together(connect: Connect) -> None:
    link = await connect()
    assert [state.port for state in (await link.snapshot()).ports] == [0, 1, 2]


async def test_a_slow_driver_holds_up_nothing_else(connect: Connect, desk: Desk) -> None:
    link = await connect()
    slow = asyncio.create_task(link.host("board", b"abc"))
    await link.stop_play(1)
    assert not slow.done()
    desk.host_may_answer.set()
    assert await slow == b"cba"


async def test_events_come_once_and_in_order(connect: Connect, server: LinkServer) -> None:
    link = await connect()
    for port in range(300):
        server.emit(speech(port))
    events = await take(link, 300)
    assert [event.number for event in events] == list(range(1, 301))


async def test_a_link_that_was_cut_hears_what_it_missed(
    connect: Connect, server: LinkServer, desk: Desk
) -> None:
    link = await connect()
    server.emit(speech(1))
    await take(link, 1)
    assert server._control is not None
    server._control.socket.close()
    server.emit(speech(2))
    await link.stop_play(1)
    assert [event.number for event in await take(link, 1)] == [2]
    assert desk.visits == ["new", "gone", "same"]


async def test_a_command_waits_across_a_restart_of_media(
    tmp_path: Path, desk: Desk, connect: Connect, server: LinkServer
) -> None:
    link = await connect()
    await server.close()
    command = link.stop_play(5)
    another = LinkServer(tmp_path / "media.sock", desk)
    another.open()
    try:
        await command
        assert isinstance((await take(link, 1))[0], told.MediaRestarted)
        another.emit(speech(1))
        assert [event.number for event in await take(link, 1)] == [1]
    finally:
        await link.disconnect()
        await another.close()


async def test_a_new_control_process_continues_where_the_old_one_was(
    connect: Connect, server: LinkServer, desk: Desk
) -> None:
    first = await connect()
    server.emit(speech(1))
    await take(first, 1)
    seen = first.last_seen
    await first.disconnect()
    server.emit(speech(2))
    second = await connect(last_seen=seen)
    assert [event.number for event in await take(second, 1)] == [2]
    third = await connect()
    server.emit(speech(3))
    assert [event.number for event in await take(third, 1)] == [3]
    assert desk.visits[:3] == ["new", "gone", "new"]


async def test_events_beyond_memory_are_reported_as_lost(
    connect: Connect, server: LinkServer
) -> None:
    first = await connect()
    server.emit(speech(0))
    await take(first, 1)
    seen = first.last_seen
    await first.disconnect()
    for port in range(told.EVENTS_KEPT + 10):
        server.emit(speech(port))
    second = await connect(last_seen=seen)
    lost, following = await take(second, 2)
    assert isinstance(lost, told.EventsLost)
    assert (lost.missed, following.number) == (10, 12)


async def test_a_slow_reader_loses_events_counted_and_in_their_place(
    connect: Connect, server: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_channel, "MOST_EVENTS", 5)
    link = await connect()
    for port in range(9):
        server.emit(speech(port))
    await link.stop_play(1)  # its answer comes behind them
    found = await take(link, 6)
    assert [event.number for event in found[:5]] == [1, 2, 3, 4, 5]
    assert found[5] == told.EventsLost(missed=4)
    assert link.events_dropped == 4
    server.emit(speech(9))
    assert [event.number for event in await take(link, 1)] == [10]
    assert link.last_seen == (server.instance, 10)


async def test_a_new_media_process_is_told_also_to_a_slow_reader(
    tmp_path: Path,
    connect: Connect,
    server: LinkServer,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_channel, "MOST_EVENTS", 2)
    link = await connect()
    for port in range(3):
        server.emit(speech(port))
    await link.stop_play(1)
    await server.close()
    following = LinkServer(tmp_path / "media.sock", desk)
    following.open()
    await link.stop_play(2)
    following.emit(speech(7))
    await link.stop_play(3)
    found = await take(link, 5)
    await following.close()
    assert found[2:4] == [told.EventsLost(missed=1), told.MediaRestarted()]
    assert found[4] == told.EventsLost(missed=1)


async def test_a_repeated_command_is_answered_again_but_not_carried_out(
    tmp_path: Path, server: LinkServer, desk: Desk
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, str(tmp_path / "media.sock"))
        hello = ask.Hello(session=5, instance=0, last_event=0)
        await loop.sock_sendall(sock, build_packet([build_frame(Frame(0, hello))]))
        await loop.sock_recv(sock, 65536)
        stream = ask.ConnectRtp(
            port=PortId(3), host="192.0.2.9", rtp_port=9, payload_type=8, codec="PCMA"
        )
        opening = ask.OpenRtp(port=PortId(3), stream=stream)
        packet = build_packet([build_frame(Frame(77, opening))])
        replies = []
        for _ in range(3):
            await loop.sock_sendall(sock, packet)
            replies += parse_packet(await loop.sock_recv(sock, 65536))
    assert replies == [Frame(77, told.RtpOpened(host="127.0.0.1", rtp_port=4000))] * 3
    assert desk.carried == [opening]


@pytest.mark.parametrize(
    "packet",
    [
        b"\0" * 20,
        build_packet([build_frame(Frame(1, ask.OpenRtp(port=PortId(1))))]),
        build_packet([build_frame(Frame(1, told.Done()))]),
        build_packet([build_frame(Frame(1, Unreadable(reason="")))]),
    ],
    ids=["garbage", "command-before-hello", "reply", "unreadable-before-hello"],
)
async def test_who_speaks_wrongly_is_dropped(
    tmp_path: Path, server: LinkServer, desk: Desk, packet: bytes
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, str(tmp_path / "media.sock"))
        await loop.sock_sendall(sock, packet)
        assert await loop.sock_recv(sock, 100) == b""
    assert desk.carried == []


async def test_a_stranger_is_not_let_in(
    tmp_path: Path, server: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_server, "_uid_of_peer", lambda _sock: os.getuid() + 1)
    with pytest.raises(MediaAway):
        await MediaLink.connect(tmp_path / "media.sock", lambda: 1, patience_s=0.2)


async def test_an_absent_media_process_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaAway, match=r"media\.sock"):
        await MediaLink.connect(tmp_path / "media.sock", lambda: 1, patience_s=0.1)


async def test_a_command_without_answer_ends_in_time(connect: Connect, server: LinkServer) -> None:
    link = await connect(patience_s=0.2)
    with pytest.raises(MediaAway, match="HostCommand"):
        await link.host("board", b"")


async def test_a_closed_link_says_so(connect: Connect) -> None:
    link = await connect()
    waiting = asyncio.create_task(link.host("board", b""))
    await asyncio.sleep(0)
    await link.disconnect()
    with pytest.raises(LinkClosed):
        await waiting
    with pytest.raises(LinkClosed):
        await link.stop_play(1)
    assert [event async for event in link.events()] == []


async def test_a_peer_that_does_not_read_loses_its_connection_not_our_memory(
    tmp_path: Path, server: LinkServer, desk: Desk
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, str(tmp_path / "media.sock"))
        hello = ask.Hello(session=5, instance=0, last_event=0)
        await loop.sock_sendall(sock, build_packet([build_frame(Frame(0, hello))]))
        while not server.connected:
            await asyncio.sleep(0)
        for port in range(150_000):
            server.emit(speech(port))
            if not server.connected:
                break
    assert not server.connected
    assert desk.visits == ["new", "gone"]


async def test_what_ended_while_events_were_lost_is_found_by_a_snapshot(
    tmp_path: Path, server: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_channel, "MOST_EVENTS", 2)
    ids = iter(range(1, 100))
    link = await LastingMediaLink.connect(tmp_path / "media.sock", lambda: next(ids))
    ports = [(await link.open_rtp())[0] for _ in range(3)]
    await link.play(ports[0], 20, ("a.8k.s16",))  # the desk's snapshot has ports 0 to 2 alone
    for port in range(4):
        server.emit(speech(port))
    await link.stop_play(1)
    found = await take(link, 5)
    await link.disconnect()
    assert found[2:] == [
        told.PlayFinished(player=20, port=ports[0], reason="unknown"),
        told.PortClosed(port=ports[2], reason="unknown"),
        told.EventsLost(missed=2),
    ]


async def test_commands_of_a_process_that_was_killed_are_carried_out(
    tmp_path: Path, server: LinkServer, desk: Desk
) -> None:
    """Nobody waits for a port that was granted: it must be open though control ends at once."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(str(tmp_path / "media.sock"))
        hello = ask.Hello(session=7, instance=0, last_event=0)
        control.send(build_packet([build_frame(Frame(0, hello))]))
        async with asyncio.timeout(5):
            while not server.connected:
                await asyncio.sleep(0)
        for number in range(1, 6):
            stop = ask.StopPlay(player=20 + number)
            control.send(build_packet([build_frame(Frame(number, stop))]))
        server.emit(speech(1))
    async with asyncio.timeout(5):
        while server.connected:
            await asyncio.sleep(0)
    assert len(desk.carried) == 5


async def test_one_reply_tells_of_what_nobody_waits_for_and_nothing_overtakes_it(
    tmp_path: Path, server: LinkServer, desk: Desk
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.setblocking(False)
        await loop.sock_connect(control, str(tmp_path / "media.sock"))
        frames = [Frame(0, ask.Hello(session=7, instance=0, last_event=0))]
        frames += [Frame(number, ask.ClosePort(port=PortId(number))) for number in (1, 2, 3)]
        frames += [Frame(4, ask.StopPlay(player=1)), Frame(5, ask.ClosePort(port=PortId(5)))]
        control.send(build_packet([build_frame(frame) for frame in frames]))
        found = list[Frame]()
        async with asyncio.timeout(5):
            while not any(isinstance(frame.body, told.Done) for frame in found):
                found += parse_packet(await loop.sock_recv(control, 65536))
            server.emit(speech(1))
            while not isinstance(found[-1].body, told.SpeechStarted):
                found += parse_packet(await loop.sock_recv(control, 65536))
        assert [frame for frame in found if not isinstance(frame.body, ask.Welcome)] == [
            Frame(4, told.Done(also=(1, 2, 3))),
            Frame(5, told.Done()),
            Frame(1, told.SpeechStarted(number=1, port=PortId(1))),
        ]


async def test_nothing_is_promised_where_media_leaves_a_command_unanswered(
    connect: Connect, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = list[DriverError]()
    link = await connect()
    assert link.open_granted(None, refused.append) is None  # asks for more
    await link.stop_play(20)
    await link.counters()
    asked = asyncio.ensure_future(link.host("board", b"question"))
    monkeypatch.setattr("daemon.link.asking.granting.SILENCE_S", 0.0)  # as if long ago
    assert link.open_granted(None, refused.append) is None
    monkeypatch.undo()
    found = link.open_granted(None, refused.append)
    assert found == (1, RtpAddress("192.0.2.1", 5000))
    desk.host_may_answer.set()
    await asked
    assert [command.rtp_port for command in desk.carried if isinstance(command, ask.OpenRtp)] == [
        5000
    ]
    desk.refuses = True
    assert link.open_granted(None, refused.append) is not None
    async with asyncio.timeout(5):
        while not refused:
            await asyncio.sleep(0)
    assert isinstance(refused[0], MediaRefused)


async def asked_for_ports(link: MediaLink, desk: Desk) -> None:
    """Have the link ask for grants; media has carried it out, and its answer is on its way."""
    assert link.open_granted(None, desk.wrong) is None
    async with asyncio.timeout(5):
        while not any(isinstance(command, ask.GrantPorts) for command in desk.carried):
            await asyncio.sleep(0)


async def test_what_is_withdrawn_right_behind_its_grant_is_not_used(
    connect: Connect, server: LinkServer, desk: Desk
) -> None:
    link = await connect()
    await asked_for_ports(link, desk)
    server.emit(told.PortsWithdrawn(ports=(5000,)))
    await link.counters()
    assert link.open_granted(None, desk.wrong) == (1, RtpAddress("192.0.2.1", 5002))
    assert link.open_granted(None, desk.wrong) is None


async def test_a_grant_that_comes_late_is_used_all_the_same(connect: Connect, desk: Desk) -> None:
    """Media keeps it for this connection: nobody else would ever have it."""
    link = await connect()
    link._channel._patience = 0.0
    await asked_for_ports(link, desk)
    async with asyncio.timeout(5):
        while not len(link._channel.stock):
            await asyncio.sleep(0.001)
    link._channel._patience = 5.0
    assert link.open_granted(None, desk.wrong) == (1, RtpAddress("192.0.2.1", 5000))


async def test_a_grant_that_comes_with_the_end_of_the_connection_is_not_used(
    connect: Connect, server: LinkServer, desk: Desk
) -> None:
    link = await connect()
    await asked_for_ports(link, desk)
    await server.close()
    async with asyncio.timeout(5):
        while link._channel.connected:
            await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(link._channel.stock) == 0
