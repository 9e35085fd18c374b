"""RFC 3263: places behind a name, from a table and from a real name server on loopback."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import msgspec
import pytest

from cython_ext.sip_wire import parse
from drivers.api import LineId
from drivers.errors import DriverError
from drivers.events import Answered, Cause, Released
from drivers.sip.core.call import CallState
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import Address
from drivers.sip.transport.dns_lookup import DnsLookup
from drivers.sip.transport.resolver import MOST_PLACES, Lookup, Naptr, Resolver, Srv
from drivers.sip.trunks.plan import GatewayOptions
from tests.drivers.sip.transport.conftest import answering
from tests.fakes.sip_bench import OPTIONS, Bench, response


class Table:
    """DNS as a dictionary; what was asked is kept."""

    def __init__(self, *, naptr=None, srv=None, addresses=None) -> None:
        self.asked: list[str] = []
        self._naptr, self._srv, self._addresses = naptr or {}, srv or {}, addresses or {}

    def lookup(self) -> Lookup:
        async def naptr(name: str):
            self.asked.append(f"NAPTR {name}")
            return self._naptr.get(name, ())

        async def srv(name: str):
            self.asked.append(f"SRV {name}")
            return self._srv.get(name, ())

        async def addresses(name: str):
            self.asked.append(f"A {name}")
            return self._addresses.get(name, ())

        return Lookup(naptr=naptr, srv=srv, addresses=addresses)


def resolver(table: Table, *transports: str, seed: int = 1) -> Resolver:
    return Resolver(table.lookup(), Random(seed), transports=transports or ("udp", "tcp", "tls"))


async def test_address_is_never_looked_up() -> None:
    table = Table()
    assert await resolver(table).resolve("192.0.2.7") == [Address("192.0.2.7", 5060)]
    assert await resolver(table).resolve("2001:db8::7", port=5070, transport="tls") == [
        Address("2001:db8::7", 5070, "tls")
    ]
    assert table.asked == []


async def test_name_with_a_port_needs_addresses_only() -> None:
    table = Table(addresses={"a.test": ["192.0.2.1", "2001:db8::1"]})
    assert await resolver(table).resolve("a.test", port=5070, transport="tcp") == [
        Address("192.0.2.1", 5070, "tcp"),
        Address("2001:db8::1", 5070, "tcp"),
    ]
    assert table.asked == ["A a.test"]


async def test_naptr_chooses_the_transport_and_unknown_ones_are_passed_over() -> None:
    table = Table(
        naptr={
            "a.test": [
                Naptr(20, 5, "s", "SIP+D2U", "_sip._udp.a.test"),
                Naptr(10, 9, "S", "sips+d2t", "tls.a.test"),
                Naptr(10, 5, "s", "SIP+D2S", "sctp.a.test"),
                Naptr(5, 5, "u", "E2U+sip", "enum.a.test"),
            ]
        },
        srv={
            "tls.a.test": [Srv(1, 0, 5061, "one.a.test")],
            "_sip._udp.a.test": [Srv(1, 0, 5060, "two.a.test")],
        },
        addresses={"one.a.test": ["192.0.2.1"], "two.a.test": ["192.0.2.2"]},
    )
    assert await resolver(table).resolve("a.test") == [
        Address("192.0.2.1", 5061, "tls"),
        Address("192.0.2.2", 5060, "udp"),
    ]
    assert "SRV sctp.a.test" not in table.asked


async def test_without_naptr_each_transport_is_asked_for_and_then_the_addresses() -> None:
    table = Table(addresses={"a.test": ["192.0.2.1"]})
    assert await resolver(table, "udp", "tcp").resolve("a.test") == [Address("192.0.2.1", 5060)]
    assert table.asked == ["NAPTR a.test", "SRV _sip._udp.a.test", "SRV _sip._tcp.a.test",
                           "A a.test"]  # fmt: skip
    assert await resolver(Table(), "udp").resolve("nowhere.test") == []


async def test_chosen_transport_asks_for_its_service_alone() -> None:
    table = Table(
        srv={"_sips._tcp.a.test": [Srv(1, 0, 5071, "x.a.test")]},
        addresses={"x.a.test": ["192.0.2.3"]},
    )
    found = await resolver(table).resolve("a.test", transport="tls")
    assert found == [Address("192.0.2.3", 5071, "tls")]
    assert table.asked == ["SRV _sips._tcp.a.test", "A x.a.test"]


async def test_service_that_is_declared_absent_and_too_many_places() -> None:
    table = Table(srv={"_sip._udp.a.test": [Srv(0, 0, 0, "")]})
    assert await resolver(table, "udp").resolve("a.test") == []
    many = Table(
        srv={"_sip._udp.b.test": [Srv(n, 0, 5060 + n, "x.test") for n in range(30)]},
        addresses={"x.test": ["192.0.2.1"]},
    )
    assert len(await resolver(many, "udp").resolve("b.test")) == MOST_PLACES


def test_priority_comes_before_weight_and_weight_shares_the_load() -> None:
    records = [Srv(2, 100, 1, "spare"), Srv(1, 90, 1, "big"), Srv(1, 10, 1, "small")]
    chooser = resolver(Table())
    first: Counter[str] = Counter()
    for _ in range(2000):
        order = [record.target for record in chooser.order(records)]
        assert order[2] == "spare"
        first[order[0]] += 1
    assert 0.85 < first["big"] / 2000 < 0.95


# A real name server


class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone written as text; what is not in it does not exist."""

    def __init__(self, zone: dict[tuple[str, str], list[str]]) -> None:
        self.zone = zone
        self.asked: list[str] = []

    async def open(self) -> int:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, ("127.0.0.1", 0), family=socket.AF_INET
        )
        return self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = str(question.name), question.rdtype.name
        self.asked.append(f"{kind} {name}")
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        found = self.zone.get((name, kind))
        if found:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
        elif not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), address)


@pytest.fixture
async def name_server() -> AsyncIterator[NameServer]:
    made = NameServer({})
    made.port = await made.open()  # type: ignore[attr-defined]
    yield made
    made.transport.close()


def asking(server: NameServer, *versions: int) -> DnsLookup:
    return DnsLookup(servers=("127.0.0.1",), port=server.port, versions=versions or (4, 6))


async def test_records_come_from_the_name_server_and_are_kept(name_server: NameServer) -> None:
    name_server.zone |= {
        ("carrier.test.", "NAPTR"): ['10 5 "s" "SIP+D2T" "" _sip._tcp.carrier.test.'],
        ("_sip._tcp.carrier.test.", "SRV"): ["1 0 5070 a.carrier.test.", "2 0 5071 192.0.2.9."],
        ("a.carrier.test.", "A"): ["192.0.2.1", "192.0.2.2"],
        ("a.carrier.test.", "AAAA"): ["2001:db8::1"],
    }
    made = Resolver(asking(name_server).lookup(), Random(1), transports=("udp", "tcp"))
    found = await made.resolve("carrier.test")
    assert sorted(found[:2]) == [
        Address("192.0.2.1", 5070, "tcp"),
        Address("192.0.2.2", 5070, "tcp"),
    ]
    assert found[2] == Address("2001:db8::1", 5070, "tcp")
    asked = len(name_server.asked)
    assert sorted(await made.resolve("carrier.test")) == sorted(found)
    assert len(name_server.asked) == asked  # for 60 s nobody is asked again


async def test_ip_versions_we_cannot_send_by_are_not_asked_for(name_server: NameServer) -> None:
    name_server.zone[("a.test.", "A")] = ["192.0.2.1"]
    lookup = asking(name_server, 4)
    assert await lookup.addresses("a.test") == ["192.0.2.1"]
    assert await lookup.addresses("missing.test") == []
    assert not any(kind.startswith("AAAA") for kind in name_server.asked)


async def test_server_that_is_away_or_talks_nonsense_is_no_answer(
    name_server: NameServer, monkeypatch
) -> None:
    monkeypatch.setattr("drivers.sip.transport.dns_lookup.PATIENCE", 0.3)
    name_server.datagram_received = (
        lambda data, address: name_server.transport.sendto(  # type: ignore[method-assign]
            data[:2] + b"\xff" * 10, address
        )
    )
    assert await asking(name_server).srv("a.test") == []


async def test_call_goes_to_the_second_place_when_the_first_is_dead(
    open_driver, make_running, free_port, name_server: NameServer
) -> None:
    far = await make_running(
        SipOptions(listen=("udp:127.0.0.1:0",), trunks=(
            TrunkOptions(name="us", addresses=("127.0.0.0/8",)),
        ))
    ).open()  # fmt: skip
    far.react = answering(far)
    name_server.zone |= {
        ("_sip._tcp.carrier.test.", "SRV"): [f"1 0 {free_port()} h.carrier.test."],
        ("_sip._udp.carrier.test.", "SRV"): [f"2 0 {far.driver.port} h.carrier.test."],
        ("carrier.test.", "NAPTR"): [
            '10 5 "s" "SIP+D2T" "" _sip._tcp.carrier.test.',
            '20 5 "s" "SIP+D2U" "" _sip._udp.carrier.test.',
        ],
        ("h.carrier.test.", "A"): ["127.0.0.1"],
    }
    running = await open_driver(
        "udp:127.0.0.1:0", "tcp:127.0.0.1:0", trunk={"target": "carrier.test"}
    )
    running.driver.border.look_up(asking(name_server, 4).lookup())
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("1000")
    await running.wait_for(Answered)
    assert running.driver.counters()["failed_over"] == 1
    await line.release()
    await running.wait_for(Released)
    await far.wait_for(Released)
    await far.close()


async def test_name_that_leads_nowhere_is_said_at_once(open_driver, name_server) -> None:
    running = await open_driver("udp:127.0.0.1:0", trunk={"target": "nowhere.test"})
    running.driver.border.look_up(asking(name_server, 4).lookup())
    line = running.driver.line(LineId("carrier/1"))
    for _ in range(2):
        with pytest.raises(DriverError, match="cannot be reached now"):
            await line.dial("1000")
    assert running.driver.counters()["name_unknown"] == 2


async def test_other_gateways_may_be_names_too(
    open_driver, make_running, name_server, free_port
) -> None:
    far = await make_running(
        SipOptions(
            listen=("tcp:127.0.0.1:0",), trunks=(TrunkOptions(name="us", addresses=("127.0.0.1",)),)
        )
    ).open()
    far.react = answering(far)
    name_server.zone |= {
        ("_sip._tcp.spare.test.", "SRV"): [f"1 0 {far.driver.port} h.spare.test."],
        ("h.spare.test.", "A"): ["127.0.0.1"],
    }
    trunk = {
        "target": f"127.0.0.1:{free_port()}",  # nobody is there
        "transport": "tcp",
        "gateways": (GatewayOptions(target="spare.test"), GatewayOptions(target="nowhere.test")),
    }
    running = await open_driver("tcp:127.0.0.1:0", trunk=trunk)
    running.driver.border.look_up(asking(name_server, 4).lookup())
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("1000")
    await running.wait_for(Answered)
    counters = running.driver.counters()
    assert (counters["failed_over"], counters["name_unknown"]) == (1, 1)
    await line.release()
    await far.wait_for(Released)
    await far.close()


# The failover itself, in the core

PLACES = [Address("192.0.2.9", 5060), Address("192.0.2.10", 5060), Address("192.0.2.11", 5060)]


def dial(bench: Bench):
    core = bench.core
    core.services.timers.now = bench.now
    call = core.dial_trunk("carrier", "0301234", line="carrier/1", ani="", places=PLACES)
    core.start(call, name="", host="192.0.2.1", port=6002)
    return call


def sent(bench: Bench) -> list[tuple[str, Address]]:
    return [(data.split(b" ")[0].decode(), to) for data, to in bench.core.take_out()]


def test_503_goes_on_with_a_new_branch_and_ends_with_the_last_place() -> None:
    bench = Bench()
    call = dial(bench)
    branches = set()
    for number in range(3):
        ((data, address),) = bench.core.take_out()
        invite = parse(data)
        assert address == PLACES[number]
        branches.add(invite.top_via.branch)
        bench.core.receive(response(invite, 503), PLACES[number], bench.now)
        if number < 2:
            ((ack, to),) = [one for one in bench.core.services.out if one[0][:3] == b"ACK"]
            assert to == PLACES[number]
            bench.core.services.out.remove((ack, to))
    assert len(branches) == 3
    assert call.state is CallState.ENDED
    assert "Ended" in bench.names()


def test_silence_goes_on_after_four_seconds_and_other_refusals_do_not() -> None:
    bench = Bench()
    call = dial(bench)
    assert sent(bench) == [("INVITE", PLACES[0])]
    bench.core.advance(bench.now + 3.9)
    assert {to for _, to in sent(bench)} == {PLACES[0]}
    bench.core.advance(bench.now + 4.1)
    assert sent(bench)[-1] == ("INVITE", PLACES[1])
    bench.core.services.transactions.unreachable(PLACES[1])
    assert sent(bench) == [("INVITE", PLACES[2])]
    assert call.places == []
    bench.core.advance(bench.now + 30)
    assert call.state is CallState.CALLING
    bench.core.advance(bench.now + 37)  # timer B of the last place
    assert call.state is CallState.ENDED


def test_place_of_a_named_gateway_is_kept_until_its_name_leads_elsewhere() -> None:
    spare = GatewayOptions(target="spare.test", priority=1)
    named = msgspec.structs.replace(OPTIONS.trunks[0], gateways=(spare,))
    bench = Bench(msgspec.structs.replace(OPTIONS, trunks=(named,)))
    trunk = bench.core.trunks["carrier"]
    bench.core.services.timers.now = bench.now
    assert len(trunk.admit("1", bench.now).routes) == 0  # it leads nowhere yet
    assert trunk.lead(0, PLACES[1:])
    assert not trunk.lead(0, PLACES[1:])
    assert not trunk.lead(0, [])
    call = bench.core.dial_trunk("carrier", "0301234", line="carrier/1", ani="")
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    tried = []
    while call.state is not CallState.ENDED:
        invite, place = next(one for one in bench.core.take_out() if one[0][:6] == b"INVITE")
        tried.append((place, parse(invite).uri))
        bench.core.receive(response(parse(invite), 503), place, bench.now)
    assert tried == [
        (PLACES[0], "sip:0301234@192.0.2.9:5060"),
        (PLACES[1], "sip:0301234@spare.test"),
        (PLACES[2], "sip:0301234@spare.test"),
    ]


def test_call_that_is_given_up_tries_no_further_place() -> None:
    bench = Bench()
    call = dial(bench)
    sent(bench)
    bench.core.release(call, Cause.NORMAL)
    bench.core.services.transactions.unreachable(PLACES[0])
    assert sent(bench) == []
    assert call.state is CallState.ENDED
