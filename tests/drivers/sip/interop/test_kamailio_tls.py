"""Kamailio as a proxy over TLS: each side verifies the other by the authority of one test."""

from pathlib import Path

import pytest

from drivers.api import LineId
from drivers.events import Answered, Cause, Released, Ringing
from drivers.sip.streams.tls import Certificate
from tests.drivers.sip.interop.kamailio import Kamailio
from tests.drivers.sip.interop.terminal import needs_file
from tests.drivers.sip.transport.conftest import answering, counted, until
from tests.fakes.authority import Authority

NAME = "carrier.test"


@pytest.fixture
async def secured(open_driver, kamailio: Kamailio, authority: Authority, free_port):
    """Opens a driver whose trunk is the proxy by TLS; returns it with the port of who is behind.

    ``shown`` signs the proxy's certificate instead of the authority that both sides believe.
    """
    needs_file("usr/lib/*/kamailio/modules/tls.so", "kamailio-tls-modules")

    async def start(shown: Authority | None = None):
        certificate, key = authority.issue("pbx", "127.0.0.1")
        own = [authority.folder / name for name in (shown or authority).issue("proxy", NAME)]
        kamailio.show(*own, authority.folder / authority.file)
        running = await open_driver(
            "tls:127.0.0.1:0",
            certificates=(Certificate(certificate=certificate, private_key=key),),
            authorities=authority.file,
            trunk={
                "target": f"127.0.0.1:{kamailio.tls_port}",
                "transport": "tls",
                "tls_name": NAME,
            },
        )
        port = free_port()
        us = f"sip:127.0.0.1:{running.driver.port};transport=tls"
        await kamailio.route(us, f"sip:127.0.0.1:{port}")
        return running, port

    return start


async def test_caller_comes_through_the_proxy_by_tls(secured, kamailio: Kamailio, sipp) -> None:
    running, _ = await secured()
    running.react = answering(running)
    place = f"127.0.0.1:{kamailio.port}"
    caller = await sipp("uac_held", place, "-s", "1000", "-m", "1")
    line = running.driver.line((await running.wait_for(Answered)).line)
    # Our own requests go back by the route set, on the connection that stands.
    await line.hold()
    await kamailio.until("ACK from 127.0.0.1", 2)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await caller.done()
    assert counted(running, "tls_accepted") == 1
    assert counted(running, "tls_opened") == 0


async def test_we_call_through_the_proxy_by_tls(secured, kamailio: Kamailio, sipp) -> None:
    running, port = await secured()
    called = await sipp("uas_routed", "127.0.0.1", "-p", str(port), "-m", "1")
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("5550100")
    await running.wait_for(Answered)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await called.done()
    assert kamailio.routed("BYE from 127.0.0.1") == 1
    assert counted(running, "tls_opened") == 1


async def test_proxy_with_a_certificate_of_a_stranger_gets_no_call(
    secured, kamailio: Kamailio, sipp, tmp_path: Path
) -> None:
    running, _ = await secured(Authority(tmp_path, "stranger"))
    await running.driver.line(LineId("carrier/1")).dial("5550100")
    assert (await running.wait_for(Released)).cause is not Cause.NORMAL
    assert counted(running, "connection_failed") == 1
    # Nor does one of its callers reach us: we refuse its certificate in the handshake.
    await sipp("uac", f"127.0.0.1:{kamailio.port}", "-s", "1000", "-m", "1")
    await until(running, "tls_refused")
    assert not any(isinstance(one, Ringing) for one in running.told)
