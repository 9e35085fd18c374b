"""TLS: certificates by name, peers with the right, a wrong and no certificate, calls both ways."""

import asyncio
import ssl
from pathlib import Path

import pytest

from drivers.api import LineId
from drivers.errors import DeviceMissing, DriverError
from drivers.events import Answered, Cause, Released, Ringing, StationUp
from drivers.sip.streams.tls import Certificate, matches, peer_names, server_context
from tests.drivers.sip.transport.conftest import (
    LOOPBACK_OFFER,
    StreamPeer,
    answering,
    header,
    until,
)
from tests.fakes.authority import Authority


def ours(authority: Authority, file: str = "pbx", *names: str) -> Certificate:
    certificate, key = authority.issue(file, *(names or ("pbx.test", "127.0.0.1")))
    return Certificate(certificate=certificate, private_key=key, names=names)


async def test_phone_registers_and_calls_over_tls(open_driver, authority) -> None:
    running = await open_driver("tls:127.0.0.1:0", certificates=(ours(authority),), trunks=())
    running.react = answering(running)
    phone = await StreamPeer.connect(running.driver.port, ssl=authority.client())
    assert (await phone.register()).startswith("SIP/2.0 200")
    assert (await running.wait_for(StationUp)).station == "2001"
    phone.call_id += "-call"
    ok = await phone.call()
    place = f"127.0.0.1:{running.driver.port}"
    assert header(ok, "Contact").startswith(f"<sip:{place};transport=tls>")
    await running.wait_for(Answered)
    await phone.hang_up(ok)
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await phone.close()


async def test_certificate_is_chosen_by_the_name_asked_for(open_driver, authority) -> None:
    certificates = (ours(authority), ours(authority, "other", "other.test"))
    running = await open_driver("tls:127.0.0.1:0", certificates=certificates)
    for asked, file in (("pbx.test", "pbx"), ("other.test", "other")):
        peer = await StreamPeer.connect(
            running.driver.port, ssl=authority.client(), server_hostname=asked
        )
        shown = peer.writer.get_extra_info("peercert")
        assert shown["subject"] == ((("commonName", file),),)
        await peer.close()
    with pytest.raises(ssl.SSLCertVerificationError):  # unknown names get the first one
        await StreamPeer.connect(
            running.driver.port, ssl=authority.client(), server_hostname="third.test"
        )


@pytest.mark.parametrize("name", ["carrier.test", "sip:carrier.test"])
async def test_trunk_with_the_right_certificate_is_accepted(
    open_driver, authority, name: str
) -> None:
    running = await open_driver(
        "tls:127.0.0.1:0",
        certificates=(ours(authority),),
        authorities=authority.file,
        trunk={"transport": "tls", "tls_name": "carrier.test"},
    )
    running.react = answering(running)
    own = authority.issue("carrier", name)
    peer = await StreamPeer.connect(running.driver.port, ssl=authority.client(*own))
    ok = await peer.call()
    await running.wait_for(Answered)
    await peer.hang_up(ok)
    await peer.close()


async def test_trunk_with_a_certificate_of_another_name_is_refused(open_driver, authority) -> None:
    running = await open_driver(
        "tls:127.0.0.1:0",
        certificates=(ours(authority),),
        authorities=authority.file,
        trunk={"transport": "tls", "tls_name": "carrier.test"},
    )
    own = authority.issue("thief", "thief.test")
    peer = await StreamPeer.connect(running.driver.port, ssl=authority.client(*own))
    assert await peer.is_closed()
    await until(running, "tls_wrong_name")
    bare = await StreamPeer.connect(running.driver.port, ssl=authority.client())
    assert await bare.is_closed()
    await until(running, "tls_no_certificate")
    assert not any(isinstance(one, Ringing) for one in running.told)
    for one in (peer, bare):
        await one.close()


async def test_certificate_of_an_authority_we_do_not_know_is_refused(
    open_driver, authority, tmp_path: Path
) -> None:
    running = await open_driver(
        "tls:127.0.0.1:0", certificates=(ours(authority),), authorities=authority.file
    )
    stranger = Authority(tmp_path, "stranger")
    context = authority.client()
    context.load_cert_chain(*(tmp_path / name for name in stranger.issue("x", "carrier.test")))
    peer = await StreamPeer.connect(running.driver.port, ssl=context)
    assert await peer.is_closed()
    await until(running, "tls_refused")
    await peer.close()


async def test_peer_without_tls_is_counted_and_dropped(open_driver, authority) -> None:
    running = await open_driver("tls:127.0.0.1:0", certificates=(ours(authority),))
    peer = await StreamPeer.connect(running.driver.port)
    peer.writer.write(b"OPTIONS sip:1000@127.0.0.1 SIP/2.0\r\nContent-Length: 0\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"SIP/2.0" not in await peer.reader.read()
    await until(running, "tls_refused")
    await peer.close()


async def test_call_in_the_clear_from_a_trunk_for_tls_is_refused(open_driver, authority) -> None:
    running = await open_driver(
        "tcp:127.0.0.1:0", "tls:127.0.0.1:0",
        certificates=(ours(authority),), trunk={"transport": "tls"},
    )  # fmt: skip
    peer = await StreamPeer.connect(running.driver.port)
    await peer.request("INVITE", body=LOOPBACK_OFFER)
    await peer.until("SIP/2.0 403")
    await until(running, "trunk_not_secure")
    await peer.close()


class Carrier:
    """A TLS server that answers one call."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.peer: asyncio.Queue[StreamPeer] = asyncio.Queue()

    async def open(self) -> int:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.peer.put_nowait(StreamPeer(reader, writer))

        self.server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=self.context)
        return self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self.server.close()


def serving(authority: Authority, *names: str, ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = authority.issue("server", *names)
    context.load_cert_chain(*(authority.folder / name for name in files))
    if ask:
        context.load_verify_locations(authority.folder / authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_call_out_over_tls_shows_our_certificate_and_checks_theirs(
    open_driver, authority
) -> None:
    carrier = Carrier(serving(authority, "carrier.test", ask=True))
    port = await carrier.open()
    running = await open_driver(
        "tls:127.0.0.1:0",
        certificates=(ours(authority),),
        authorities=authority.file,
        trunk={
            "transport": "tls",
            "tls_name": "carrier.test",
            "target": f"127.0.0.1:{port}",
        },
    )
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("5551234")
    peer = await carrier.peer.get()
    shown = peer.writer.get_extra_info("peercert")
    assert matches("pbx.test", shown)
    invite = await peer.until("INVITE")
    assert invite.startswith(f"INVITE sip:5551234@127.0.0.1:{port};transport=tls SIP/2.0\r\n")
    place = f"127.0.0.1:{running.driver.port}"
    assert header(invite, "Via").startswith(f"SIP/2.0/TLS {place};rport;branch=z9hG4bK")
    assert header(invite, "Contact").startswith(f"<sip:{place};transport=tls>")
    await peer.respond(invite, 200, LOOPBACK_OFFER)
    await peer.until("ACK")
    await running.wait_for(Answered)
    await line.release()
    bye = await peer.until("BYE")
    await peer.respond(bye, 200)
    await running.wait_for(Released)
    await peer.close()
    await carrier.close()


async def test_carrier_with_a_wrong_name_is_not_told_the_number(open_driver, authority) -> None:
    carrier = Carrier(serving(authority, "thief.test"))
    port = await carrier.open()
    running = await open_driver(
        "tls:127.0.0.1:0",
        certificates=(ours(authority),),
        authorities=authority.file,
        trunk={
            "transport": "tls",
            "tls_name": "carrier.test",
            "target": f"127.0.0.1:{port}",
        },
    )
    await running.driver.line(LineId("carrier/1")).dial("5551234")
    released = await running.wait_for(Released)
    assert released.cause is Cause.NO_USER_RESPONDING
    peer = await carrier.peer.get()
    assert await peer.is_closed()
    await until(running, "tls_wrong_name")
    await peer.close()
    await carrier.close()


def test_names_of_a_certificate() -> None:
    shown = {
        "subject": ((("commonName", "Old.test"),),),
        "subjectAltName": (
            ("DNS", "A.test"),
            ("URI", "sip:b.test"),
            ("URI", "sip:user@c.test"),
            ("URI", "https://d.test"),
            ("IP Address", "2001:DB8:0:0:0:0:0:1"),
        ),
    }
    assert peer_names(shown) == ("a.test", "b.test", "2001:db8::1")
    assert matches("2001:db8::1", shown)
    assert not matches("old.test", shown)  # the common name counts without other names only
    assert matches("old.test", {"subject": shown["subject"]})
    assert not matches("x.a.test", {"subjectAltName": (("DNS", "*.a.test"),)})
    assert peer_names(None) == ()


def test_certificate_files_are_checked_with_a_reason(authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("pbx", "pbx.test")
    _, other = authority.issue("other", "other.test")

    def load(certificate: str, key: str, authorities: str = "") -> None:
        one = Certificate(certificate=certificate, private_key=key)
        server_context([one], folder=tmp_path, authorities=authorities)

    load(certificate, key, authority.file)
    with pytest.raises(DeviceMissing, match=r"nothing\.crt: no such file"):
        load("nothing.crt", key)
    with pytest.raises(DriverError, match="must be PEM and belong together"):
        load(certificate, other)
    with pytest.raises(DriverError, match="must hold certificates as PEM"):
        load(certificate, key, key)
    with pytest.raises(DriverError, match="needs a certificate"):
        server_context([], folder=tmp_path, authorities="")


async def serial(port: int, authority: Authority, name: str = "pbx.test") -> int:
    """Serial number of the certificate that a new connection is shown."""
    peer = await StreamPeer.connect(port, ssl=authority.client(), server_hostname=name)
    shown = peer.writer.get_extra_info("peercert")
    await peer.close()
    return int(shown["serialNumber"], 16)


async def test_renewed_certificates_are_shown_to_new_connections(open_driver, authority) -> None:
    certificates = (ours(authority), ours(authority, "other", "*.other.test"))
    running = await open_driver("tls:127.0.0.1:0", certificates=certificates, trunks=())
    port = running.driver.port
    standing = await StreamPeer.connect(port, ssl=authority.client())
    names = ("pbx.test", "sip.other.test")
    before = [await serial(port, authority, name) for name in names]
    running.driver.reread()  # nothing changed
    assert [await serial(port, authority, name) for name in names] == before
    ours(authority)
    ours(authority, "other", "*.other.test")
    running.driver.reread()
    after = [await serial(port, authority, name) for name in names]
    assert not set(after) & set(before)
    assert running.driver.counters()["certificates_renewed"] == 1
    assert (await standing.register()).startswith("SIP/2.0 200")  # it did not notice
    await standing.close()


async def test_certificate_that_is_not_right_is_refused_and_the_old_one_stays(
    open_driver, authority
) -> None:
    running = await open_driver("tls:127.0.0.1:0", certificates=(ours(authority),), trunks=())
    port = running.driver.port
    before = await serial(port, authority)
    key = (authority.folder / "pbx.key").read_bytes()
    ours(authority)  # a new pair, of which the old key is half
    (authority.folder / "pbx.key").write_bytes(key)
    for _ in range(3):
        running.driver.reread()
    assert await serial(port, authority) == before
    assert running.driver.counters()["certificates_refused"] == 1  # told once
    (authority.folder / "pbx.crt").unlink()
    running.driver.reread()
    assert await serial(port, authority) == before
    ours(authority)
    running.driver.reread()
    assert await serial(port, authority) != before


async def test_renewed_files_are_found_without_being_told(
    open_driver, authority, monkeypatch
) -> None:
    monkeypatch.setattr("drivers.sip.streams.tls.REREAD_S", 0.01)
    running = await open_driver("tls:127.0.0.1:0", certificates=(ours(authority),), trunks=())
    ours(authority)
    await until(running, "certificates_renewed")


def test_no_wildcard_stands_for_a_name() -> None:
    """RFC 5922 7.2; who has nothing else names the very entry."""
    shown = {"subjectAltName": (("DNS", "*.carrier.test"), ("DNS", ".carrier.test"))}
    for wanted in ("sip.carrier.test", "carrier.test", "a.b.carrier.test", "*"):
        assert not matches(wanted, shown)
    assert matches("*.carrier.test", shown)
