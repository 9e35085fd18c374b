"""What the core does differently where nothing gets lost, and large requests on their way there."""

import asyncio

import pytest

from cython_ext.sip_wire import parse
from drivers.api import LineId
from drivers.events import Answered, Cause, Released
from drivers.sip.core.call import CallState
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import Address
from drivers.sip.transport.stamp import Stamp
from tests.drivers.sip.transport.conftest import (
    LOOPBACK_OFFER,
    StreamPeer,
    answering,
    counted,
    header,
    tag_of,
    until,
)
from tests.fakes.sip_bench import OFFER, Bench, request, response

TCP = Address("192.0.2.9", 40000, "tcp", 7)
LONG = "1" * 1300


def over_tcp(method: str, **fields) -> bytes:
    return request(method, **fields).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


def test_requests_over_tcp_are_not_repeated_and_fail_after_timer_b() -> None:
    bench = Bench(
        SipOptions(
            listen="192.0.2.1",
            trunks=(TrunkOptions(name="carrier", target="192.0.2.9:5060", transport="tcp"),),
        )
    )
    call, invite = bench.dial()
    assert invite.uri == "sip:0301234@192.0.2.9:5060;transport=tcp"
    assert bench.pass_time(31.9) == []
    bench.pass_time(0.2)
    assert call.state is CallState.ENDED
    assert bench.core.services.transactions.clients == {}


def test_answers_over_tcp_go_back_on_their_connection_and_are_forgotten_at_once() -> None:
    bench = Bench()
    bench.core.receive(over_tcp("INVITE", body=OFFER), TCP, bench.now)
    bench.happened()
    call = bench.calls[-1]
    bench.core.release(call, Cause.BUSY)
    ((_, address),) = [one for one in bench.core.take_out() if b" 486 " in one[0]]
    # The port of the Via is where a new connection would go, if this one were gone (18.2.2).
    assert address == Address("192.0.2.9", 5060, "tcp", 7)
    bench.core.receive(over_tcp("ACK", to_tag=call.local_tag), TCP, bench.now)
    bench.pass_time(0.01)
    assert bench.core.services.transactions.servers == {}


def test_ok_over_tcp_is_repeated_until_its_ack_all_the_same() -> None:
    # RFC 3261 13.3.1.4: the way to the far end may have hops that lose it.
    bench = Bench()
    bench.core.receive(over_tcp("INVITE", body=OFFER), TCP, bench.now)
    bench.happened()
    call = bench.calls[-1]
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    assert [one.status for one in bench.pass_time(0.6)] == [200]


def large(bench: Bench):
    bench.core.services.transactions.large_by_tcp = True
    call = bench.core.dial_trunk("carrier", LONG, line="carrier/1", ani="")
    bench.core.services.timers.now = bench.now
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    return call


def test_large_request_moves_to_tcp_and_its_cancel_follows() -> None:
    bench = Bench()
    call = large(bench)
    ((invite, address),) = bench.core.take_out()
    assert len(invite) > 1300
    assert address == Address("192.0.2.9", 5060, "tcp")
    assert bench.core.services.counters["moved_to_tcp"] == 1
    ringing = response(parse(invite), 180)
    bench.core.receive(ringing, Address("192.0.2.9", 5060, "tcp", 9), bench.now)
    bench.core.release(call, Cause.NORMAL)
    ((cancel, to),) = bench.core.take_out()
    assert cancel.startswith(b"CANCEL ")
    assert to == Address("192.0.2.9", 5060, "tcp", 9)


def test_large_request_goes_by_udp_where_nobody_takes_tcp() -> None:
    bench = Bench()
    large(bench)
    ((invite, address),) = bench.core.take_out()
    bench.core.services.transactions.unreachable(address)
    assert bench.core.take_out() == [(invite, Address("192.0.2.9", 5060))]
    assert bench.pass_time(0.6)  # and is repeated there
    bench.core.services.transactions.unreachable(Address("192.0.2.9", 5060))
    assert bench.core.take_out() == []
    assert "Ended" in bench.names()


def test_small_and_unwanted_ones_stay_on_udp() -> None:
    bench = Bench()
    bench.core.services.transactions.large_by_tcp = True
    bench.dial()
    assert "moved_to_tcp" not in bench.core.services.counters
    other = Bench()
    call = other.core.dial_trunk("carrier", LONG, line="carrier/1", ani="")
    other.core.start(call, name="", host="192.0.2.1", port=6002)
    assert [to for _, to in other.core.take_out()] == [Address("192.0.2.9", 5060)]


@pytest.mark.parametrize("far_listens", ["tcp", "udp"])
async def test_large_call_reaches_the_far_end_either_way(
    make_running, open_driver, free_port, far_listens: str
) -> None:
    port = free_port()
    trunk = TrunkOptions(name="us", addresses=("127.0.0.0/8",))
    listen = (f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}")
    far = await make_running(
        SipOptions(listen=listen if far_listens == "tcp" else listen[:1], trunks=(trunk,))
    ).open()
    far.react = answering(far)
    running = await open_driver(
        "udp:127.0.0.1:0", "tcp:127.0.0.1:0", trunk={"target": f"127.0.0.1:{port}"}
    )
    line = running.driver.line(LineId("carrier/1"))
    await line.dial(LONG)
    await running.wait_for(Answered)
    await asyncio.sleep(0)
    assert counted(running, "tcp_opened") == (far_listens == "tcp")
    await line.release()
    await running.wait_for(Released)
    await far.wait_for(Released)
    await far.close()


STAMP = Stamp(core=("192.0.2.1", 5060), host="2001:db8::1", port=5061, transport="tls")


def test_stamp_makes_via_and_contact_true_and_nothing_else() -> None:
    bench = Bench()
    _, invite = bench.dial()
    changed = STAMP.apply(invite.raw).decode()
    assert "\r\nVia: SIP/2.0/TLS [2001:db8::1]:5061;rport;branch=z9hG4bK" in changed
    assert "\r\nContact: <sip:[2001:db8::1]:5061;transport=tls>" in changed
    back = changed.replace("TLS [2001:db8::1]:5061;", "UDP 192.0.2.1:5060;")
    assert back.replace("[2001:db8::1]:5061;transport=tls", "192.0.2.1:5060") == invite.raw.decode()


def test_stamp_leaves_vias_of_others_and_foreign_contacts_alone() -> None:
    reply = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n"
        b"Contact: <sip:2001@192.0.2.77:5060>\r\nContact: <sip:192.0.2.1:5060>\r\n\r\n"
    )
    assert STAMP.apply(reply) == reply
    body = b"INFO sip:a SIP/2.0\r\nX: 1\r\n\r\n\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;\r\n"
    assert STAMP.apply(body) == body


def test_stamp_of_the_first_udp_listener_is_none() -> None:
    same = Stamp(core=("192.0.2.1", 5060), host="192.0.2.1", port=5060, transport="udp")
    assert same.apply(b"anything") == b"anything"


async def test_calls_of_a_phone_on_a_connection_survive_a_restart(make_running) -> None:
    options = SipOptions(listen=("tcp:127.0.0.1:0",))
    first = await make_running(options).open()
    first.react = answering(first)
    phone = await StreamPeer.connect(first.driver.port)
    await phone.register()
    phone.call_id += "-call"
    ok = await phone.call()
    await first.wait_for(Answered)
    await first.die()
    await phone.close()

    second = make_running(options)
    second.driver.restore(first.journal)
    (restored,) = second.driver.restored_calls()
    assert restored.state == "answered"
    assert not second.driver.reachable("2001")  # its connection is gone, so nobody can call it
    await second.open()
    again = await StreamPeer.connect(second.driver.port)
    await again.register(cseq=10)
    assert second.driver.reachable("2001")
    await second.driver.line(restored.line).release()
    bye = await again.until("BYE")
    assert tag_of(ok) in header(bye, "From")
    await again.respond(bye, 200)
    await second.wait_for(Released)
    await again.close()
    await second.close()


async def test_answer_to_a_lost_connection_goes_to_the_place_in_the_via(open_driver) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    taken: asyncio.Queue[StreamPeer] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.put_nowait(StreamPeer(reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    peer = await StreamPeer.connect(running.driver.port)
    body = LOOPBACK_OFFER
    await peer.write(
        request("INVITE", via=place, contact=f"<sip:a@{place};transport=tcp>", body=body).replace(
            b"SIP/2.0/UDP", b"SIP/2.0/TCP"
        )
    )
    await peer.until("SIP/2.0 180")
    peer.writer.transport.abort()
    await until(running, "tcp_closed")
    await running.driver.line(LineId("carrier/1")).answer()
    again = await taken.get()
    ok = await again.until("SIP/2.0 200")
    assert counted(running, "tcp_opened") == 1
    data = request("ACK", branch="a", via=place, to_tag=tag_of(ok))
    await again.write(data.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
    await running.wait_for(Answered)
    await running.driver.line(LineId("carrier/1")).release()
    await again.until("BYE")
    await again.close()
    server.close()
