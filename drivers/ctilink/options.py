"""Options of a serial link that speaks SMDI."""

import re
from typing import Annotated, Literal

import msgspec

from drivers.errors import OptionsError

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class CtiLinkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One serial line to one exchange."""

    device: str
    """Serial device, for example ``/dev/serial/by-id/usb-...`` or a pseudo terminal."""
    speed: Literal[1200, 2400, 4800, 9600, 19200] = 9600
    """Bits a second; exchanges use 9600, central offices 1200."""
    data_bits: Literal[7, 8] = 7
    parity: Literal["even", "odd", "none"] = "even"
    stop_bits: Literal[1, 2] = 1
    carrier: bool = False
    """The carrier-detect wire is connected: its loss means that the link is down."""
    strip_digits: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    """Digits dropped from the front of received numbers; as many zeros are put in front of
    the station of a lamp command (the exchange's ``msdstrip``)."""
    long_numbers: Literal["first", "last"] = "last"
    """Which ten digits of a longer number count: ``first`` if the exchange pads behind."""
    wait_s: Annotated[float, msgspec.Meta(ge=0)] = 3.0
    """How long a ringing port waits for its call detail."""
    expire_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """Age at which a call detail that no port has taken is dropped."""
    lamp_pause_s: Annotated[float, msgspec.Meta(ge=0.1)] = 0.1
    """Pause between two lamp commands; exchanges limit their rate."""
    quiet_warning_s: Annotated[float, msgspec.Meta(ge=0)] = 900.0
    """Silence on the link that is worth a warning in the log; 0: never."""
    audit_at: str = "03:30"
    """Local time at which every lamp is set again, as success is silent; empty: never."""
    probe_station: str = ""
    """A station that does not exist: its refusal proves that the exchange listens."""

    def faults(self) -> list[OptionsError]:
        """Everything that is wrong with these options."""
        found = []
        if not self.device:
            en, zh = "name the serial device of the link", "请写链路的串行设备"
            found.append(OptionsError("device", en, zh))
        if self.audit_at and not _CLOCK.fullmatch(self.audit_at):
            en = f"{self.audit_at!r} is not a time; write one like 03:30, or nothing"
            zh = f"{self.audit_at!r} 不是时间；请写如 03:30，或留空"
            found.append(OptionsError("audit_at", en, zh))
        if self.probe_station and not re.fullmatch(r"[0-9]{1,10}", self.probe_station):
            found.append(
                OptionsError("probe_station", "must be 1 to 10 digits", "必须是 1 到 10 位数字")
            )
        return found

    def check(self) -> None:
        """Raise the first fault as OptionsError, if there is one."""
        for fault in self.faults():
            raise fault
