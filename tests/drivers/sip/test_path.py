"""Telephones behind a proxy that writes Path (RFC 3327): the proxy's address is not theirs."""

import msgspec
import pytest

from cython_ext.sip_wire import Message
from drivers.sip.auth import credentials
from drivers.sip.core.happenings import StationWent
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, TRUNK, Bench, request

PROXY = Address("203.0.113.5", 5060)
BY_TCP = Address("203.0.113.5", 49152, "tcp", 7)
PATH = "<sip:203.0.113.5;lr;received=sip:10.0.0.7:5062>"
TCP_PATH = "<sip:203.0.113.5:5066;transport=tcp;lr>"


def register(bench: Bench, source: Address, path: str, user: str = "2001") -> Message:
    """REGISTER through a proxy, with the credentials it is asked for."""
    reply, headers = None, (("Path", path),)
    for cseq in (1, 2):
        data = request(
            "REGISTER", uri="sip:pbx.example", call_id=user, cseq=cseq, branch=f"{user}{cseq}",
            contact=f"<sip:{user}@10.0.0.7:5062>", headers=headers,
        )  # fmt: skip
        data = data.replace(b"To: <sip:1000@192.0.2.1>", f"To: <sip:{user}@pbx.example>".encode())
        (reply,) = bench.send(data, source)
        if reply.status == 401:
            asked = reply.headers("WWW-Authenticate")
            value = credentials(
                asked, user=user, password="s3cret", method="REGISTER", uri="sip:pbx.example",
                cnonce="c",
            )  # fmt: skip
            headers = (*headers, ("Authorization", value or ""))
    assert reply is not None
    return reply


def test_path_is_told_back_and_followed_by_calls() -> None:
    bench = Bench().with_station()
    reply = register(bench, PROXY, PATH)
    assert (reply.status, reply.headers("Path")) == (200, [PATH])
    call = bench.core.dial_station("2001", line="station:2001", ani="030555")
    bench.core.start(call, name="", host="192.0.2.1", port=6000)
    ((invite, place),) = bench.core.take_out()
    assert place == PROXY
    assert invite.startswith(b"INVITE sip:2001@10.0.0.7:5062 SIP/2.0\r\n")
    assert b"\r\nRoute: " + PATH.encode() + b"\r\n" in invite


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (TCP_PATH, Address("203.0.113.5", 5066, "tcp", 7)),
        # A Path that names another host than the proxy that sent it is not followed there.
        ("<sip:198.51.100.99:5066;transport=tcp;lr>", BY_TCP),
        ("<sip:edge.example;transport=tcp;lr>", BY_TCP),
    ],
)
def test_proxy_whose_connection_ended_is_called_where_its_path_says(path: str, place) -> None:
    bench = Bench().with_station()
    register(bench, BY_TCP, path)
    bench.happened()
    bench.core.flow_lost(BY_TCP)
    assert not any(isinstance(one, StationWent) for one in bench.happened())
    call = bench.core.dial_station("2001", line="station:2001", ani="")
    assert call.address == place


def test_calls_of_a_trunk_are_its_own_although_telephones_register_through_it() -> None:
    bench = Bench().with_station()
    register(bench, TRUNK, f"<sip:{TRUNK.host};lr>")
    bench.happened()
    assert bench.send(request("INVITE", body=OFFER)) == []
    bench.happened()
    assert bench.calls[-1].peer.name == "carrier"


def test_proxy_is_known_as_a_source_as_long_as_a_telephone_is_behind_it() -> None:
    """It is not banned for what others send through it, and is nobody's own address."""
    bench = Bench().with_station()
    register(bench, PROXY, PATH)
    registrar = bench.core.registrar
    assert (registrar.is_at(PROXY.host), registrar.station_at(PROXY)) == (True, "")
    registrar.remove("2001", "account removed")
    assert not registrar.is_at(PROXY.host)


def test_lamp_goes_to_every_telephone_of_a_station_the_way_that_each_registered() -> None:
    bench = Bench().with_station()
    register(bench, PROXY, PATH)
    binding = bench.core.registrar.find("2001")
    assert binding is not None
    desk = Address("198.51.100.7", 5062)
    bench.core.registrar.restore(
        [msgspec.structs.replace(binding, contact="sip:2001@desk.example", source=desk, path=())]
    )
    bench.core.lamps.set_lamp("2001", on=True)
    told = {place: data for data, place in bench.core.take_out()}
    assert set(told) == {PROXY, desk}
    assert b"\r\nRoute: " + PATH.encode() + b"\r\n" in told[PROXY]
    assert b"\r\nRoute: " not in told[desk]
    # One that registers again is told anew, the others need not be.
    bench.core.lamps.tell_one(binding)
    assert [place for _, place in bench.core.take_out()] == [PROXY]
