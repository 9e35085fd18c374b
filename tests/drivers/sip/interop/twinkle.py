"""Twinkle, a softphone that others wrote, on a console without a sound card."""

import asyncio
from pathlib import Path

from tests.drivers.sip.interop.terminal import PATIENCE_S, Terminal

ACCOUNT = """\
user_name={station}
user_domain={server}
auth_name={station}
registrar={server}
registration_time=60
codecs=g711a,g711u
hold_variant=rfc3264
allow_refer=yes
ask_user_to_refer=no
ask_user_to_redirect=no
pres_publish_startup=no
"""
SYSTEM = """\
sip_port={sip_port}
rtp_port={rtp_port}
dev_ringtone=alsa:default
dev_speaker=alsa:default
dev_mic=alsa:default
validate_audio_dev=no
play_ringtone=no
play_ringback=no
log_show_sip=yes
"""
WIRE_S = 0.01
SILENCE = "pcm.!default { type null }\nctl.!default { type null }\n"


class Twinkle(Terminal):
    """A telephone of one station; ``type`` gives it the commands of its console."""

    def __init__(self, folder: Path, *, sip_port: int, rtp_port: int) -> None:
        super().__init__(folder)
        self.sip_port = sip_port
        self._rtp_port = rtp_port

    async def register(
        self, station: str, secret: str, server: str, *, keys: str = "rfc2833",
        more: str = "", shown: str = "registration succeeded",
    ) -> None:  # fmt: skip
        """Start it at ``server`` (host:port) and wait until it shows how registering went."""
        more = f"auth_pass={secret}\nregister_at_startup=yes\ndtmf_transport={keys}\n{more}"
        await self._start(station, server, more)
        await self.until(shown)

    async def attach(self, station: str, server: str, *, more: str = "") -> None:
        """Start it as a telephone that calls by ``server`` without registering there."""
        await self._start(station, server, "register_at_startup=no\n" + more)
        await self.until("Twinkle>")

    async def until_message(self, text: str) -> None:
        """Wait until a SIP message with this text is in its log."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.messages:
                await asyncio.sleep(0.02)

    async def _start(self, station: str, server: str, more: str) -> None:
        home = self.folder / ".twinkle"
        home.mkdir(parents=True)
        account = ACCOUNT.format(station=station, server=server)
        (home / "twinkle.cfg").write_text(account + more)
        (home / "twinkle.sys").write_text(
            SYSTEM.format(sip_port=self.sip_port, rtp_port=self._rtp_port)
        )
        (self.folder / ".asoundrc").write_text(SILENCE)
        await self.start("twinkle-console", environment={"HOME": str(self.folder)})
        await self.until("Local IP")

    @property
    def messages(self) -> str:
        """Every SIP message that it sent and got."""
        return (self.folder / ".twinkle" / "twinkle.log").read_text(errors="replace")


class Wire(asyncio.DatagramProtocol):
    """Carries what we send to one telephone after a moment, as every network does.

    Twinkle loses a response that comes before the thread that sent the request has noted its
    transaction. It finds our Contact at this place too.
    """

    def __init__(self, driver_port: int) -> None:
        self.place = ""
        self._driver = ("127.0.0.1", driver_port)
        self._phone: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, driver_port: int) -> "Wire":
        made = cls(driver_port)
        loop = asyncio.get_running_loop()
        made._transport, _ = await loop.create_datagram_endpoint(
            lambda: made, local_addr=("127.0.0.1", 0)
        )
        made.place = "127.0.0.1:{1}".format(*made._transport.get_extra_info("sockname"))
        return made

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        if addr != self._driver:
            self._phone = addr
            self._transport.sendto(data, self._driver)
        elif self._phone is not None:
            ours = b"\r\nContact: <sip:127.0.0.1:%d" % self._driver[1]
            here = b"\r\nContact: <sip:" + self.place.encode()
            loop = asyncio.get_running_loop()
            loop.call_later(WIRE_S, self._deliver, data.replace(ours, here), self._phone)

    def _deliver(self, data: bytes, phone: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, phone)
