"""Options of the media process, section ``[media]`` of ``hookflash.toml``."""

from pathlib import Path

import msgspec


class MediaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How audio is moved."""

    rtp_address: str = "127.0.0.1"
    """Address that RTP is received at and that peers are told."""
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

    def faults(self) -> list[str]:
        """Say what is wrong, one sentence each, beginning with the key."""
        found = []
        if not 0 <= self.rtp_port_min <= 65535 or not 0 <= self.rtp_port_max <= 65535:
            found.append("rtp_port_min: ports lie between 1 and 65535, or 0 for any free port")
        elif bool(self.rtp_port_min) != bool(self.rtp_port_max):
            found.append("rtp_port_max: give both ends of the range, or neither")
        elif self.rtp_port_max < self.rtp_port_min:
            found.append("rtp_port_max: the range ends before it begins")
        elif self.rtp_port_min % 2:
            found.append("rtp_port_min: RTP uses even ports; begin with an even one")
        if self.grace_s < 0:
            found.append("grace_s: a time cannot be negative")
        if self.rtp_silence_s < 1:
            found.append("rtp_silence_s: must be at least 1 second")
        return found


class MediaSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the media process is started with."""

    site: Path
    """The site directory; players and recorders stay below it."""
    socket: Path
    """Where control connects, ``media.sock`` in the site's ``run_dir``."""
    options: MediaOptions = MediaOptions()
