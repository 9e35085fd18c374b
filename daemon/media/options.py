"""Options of the media process, section ``[media]`` of ``hookflash.toml``."""

import ipaddress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from daemon.language import pick

MOST_RESTING: Final = 128


class MediaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How audio is moved."""

    rtp_address: str = "127.0.0.1"
    """IP address that RTP is received at, and that peers are told."""
    rtp_advertise: str = ""
    """IP address that peers are told instead, behind address translation."""
    rtp_port_min: int = 0
    """First port of the RTP range, even; 0 takes any free port."""
    rtp_port_max: int = 0
    """Last port of the RTP range."""
    grace_s: float = 60.0
    """Ports that no control process claims are closed after this time."""
    realtime: bool = True
    """Ask for real-time priority; without the right to it the engine runs at high nice."""
    rtp_silence_s: int = 20
    """RtpSilent is reported after this many seconds without RTP, and again each time."""

    fax_terminals: Annotated[int, msgspec.Meta(ge=0, le=200)] = 8
    """Most faxes at once, each a process of some 25 MB; 0 takes and sends none."""

    @property
    def resting_ports(self) -> int:
        """The most closed ports that may rest: a quarter of the range, for faxes need some too."""
        if not self.rtp_port_min:
            return MOST_RESTING
        return min(MOST_RESTING, (self.rtp_port_max - self.rtp_port_min + 2) // 8)

    def faults(self) -> list[str]:
        """What types cannot say, as ``key: what is wrong; what to do``."""
        return [*self._address_faults(), *self._range_faults(), *self._time_faults()]

    def _address_faults(self) -> list[str]:
        found = []
        for key, value in self._addresses():
            if not _is_address(value):
                what = pick(f"{value!r} is not an IP address", f"{value!r} 不是 IP 地址")
                todo = pick("write one like 192.168.1.10", "请写如 192.168.1.10")
                found.append(f"{key}: {what}; {todo}")
        if found or self.rtp_advertise:
            return found
        if ipaddress.ip_address(self.rtp_address).is_unspecified:
            what = pick(
                "peers cannot send to every address of this machine",
                "对端无法向本机的所有地址发送",
            )
            todo = pick("write the one that they reach", "请写对端能到达的地址")
            found.append(f"rtp_advertise: {what}; {todo}")
        return found

    def _addresses(self) -> list[tuple[str, str]]:
        written = [("rtp_address", self.rtp_address)]
        return [*written, ("rtp_advertise", self.rtp_advertise)] if self.rtp_advertise else written

    def _range_faults(self) -> list[str]:
        first, last = self.rtp_port_min, self.rtp_port_max
        if not 0 <= first <= 65535 or not 0 <= last <= 65535:
            what = pick("a port lies between 1 and 65535", "端口在 1 到 65535 之间")
            todo = pick("write 0 in both for any free port", "两项都写 0 表示任意空闲端口")
            return [f"rtp_port_min: {what}; {todo}"]
        if bool(first) != bool(last):
            what = pick("half of a range", "范围只写了一半")
            todo = pick("give both ends of the range, or neither", "两端都写，或都不写")
            return [f"rtp_port_max: {what}; {todo}"]
        if last < first:
            what = pick("the range ends before it begins", "范围的末端小于起点")
            todo = pick(f"write a port above {first}", f"请写大于 {first} 的端口")
            return [f"rtp_port_max: {what}; {todo}"]
        if first % 2:
            what = pick("RTP uses even ports", "RTP 使用偶数端口")
            todo = pick(f"begin with {first + 1}", f"请从 {first + 1} 开始")
            return [f"rtp_port_min: {what}; {todo}"]
        return []

    def _time_faults(self) -> list[str]:
        found = []
        if self.grace_s < 0:
            what = pick("a time cannot be negative", "时间不能为负")
            found.append(f"grace_s: {what}; {pick('60 is usual', '通常为 60')}")
        if self.rtp_silence_s < 1:
            what = pick("less than a second", "不足一秒")
            found.append(f"rtp_silence_s: {what}; {pick('20 is usual', '通常为 20')}")
        return found


class MediaSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the media process is started with."""

    site: Path
    """The site directory; players and recorders stay below it."""
    socket: Path
    """Where control connects, ``media.sock`` in the site's ``run_dir``."""
    options: MediaOptions = MediaOptions()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
