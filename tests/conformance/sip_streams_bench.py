"""The SIP driver against the simulated carrier over TCP, TLS and WebSocket."""

import ssl
import time

from drivers.api import Driver
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.streams.tls import Certificate
from tests.conformance.bench import FarEnd
from tests.conformance.sip_bench import HOST, RING_S, SipBench
from tests.fakes.authority import Authority
from tests.fakes.sip_streams import StreamUserAgent


class StreamBench(SipBench):
    """Calls in and out by connections; ``transport`` is the one of calls in."""

    transport = "tcp"

    async def make(self) -> Driver:
        self.far_agent = await self.carrier_agent()
        return self.use(self.far_agent, self.options())

    async def carrier_agent(self) -> StreamUserAgent:
        return await StreamUserAgent("carrier", transport=self.transport).open(HOST)

    def options(self) -> SipOptions:
        return SipOptions(
            listen=("tcp:127.0.0.1:0",), trunks=(self.trunk("tcp"),), ring_timeout_s=RING_S
        )

    def trunk(self, transport: str, **more: str) -> TrunkOptions:
        return TrunkOptions(
            name="carrier",
            addresses=("127.0.0.0/8",),
            max_calls=2,
            target=f"{HOST}:{self.far_agent.address[1]}",
            transport=transport,
            **more,  # type: ignore[arg-type]
        )

    def driver_for(self, options: SipOptions) -> SipDriver:
        return SipDriver(
            options, clock=time.time, journal=lambda kind, payload: None, folder=self.folder
        )

    async def ring(self) -> FarEnd:
        await self.far_agent.link((HOST, self.sip.port))
        return await super().ring()


class TlsBench(StreamBench):
    """Both sides show a certificate."""

    transport = "tls"

    async def carrier_agent(self) -> StreamUserAgent:
        self.authority = Authority(self.folder)
        theirs = self.authority.issue("carrier", "carrier.test")
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(*(self.folder / name for name in theirs))
        calling = self.authority.client(*theirs)
        agent = StreamUserAgent("carrier", transport="tls", serving=serving, calling=calling)
        return await agent.open(HOST)

    def options(self) -> SipOptions:
        certificate, key = self.authority.issue("pbx", HOST)
        return SipOptions(
            listen=("tls:127.0.0.1:0",),
            certificates=(Certificate(certificate=certificate, private_key=key),),
            authorities=self.authority.file,
            trunks=(self.trunk("tls", tls_name="carrier.test"),),
            ring_timeout_s=RING_S,
        )


class WebSocketBench(StreamBench):
    """Calls in by WebSocket; a browser cannot be called as a trunk, so calls out go by TCP."""

    transport = "ws"

    def options(self) -> SipOptions:
        return SipOptions(
            listen=("ws:127.0.0.1:0", "tcp:127.0.0.1:0"),
            trunks=(self.trunk("tcp"),),
            ring_timeout_s=RING_S,
        )
