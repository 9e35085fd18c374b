"""Reads the kept messages as they come, for a capture of one call or one peer."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cython_ext.sip_wire import WireError, parse
from drivers.api import LineId, RtpAddress, WireCopy
from drivers.sip.core.call import Call
from drivers.sip.ladder import Kept, MessageLog
from drivers.sip.sight.masking import masked

if TYPE_CHECKING:
    from drivers.sip.line import SipLine

Places = Sequence[tuple[str, str, int]]
"""Transport, host and port of each listener."""


class MessageReader:
    """One capture's place in the log; what is read has stars for secrets."""

    def __init__(
        self,
        log: MessageLog,
        lines: Mapping[LineId, "SipLine"],
        places: Callable[[], Places],
    ) -> None:
        self._log = log
        self._lines = lines
        self._places = places
        self._last: Kept | None = None
        self._refs: set[str] = set()
        self.gaps = 0
        """How often messages were forgotten before they were read."""

    def skip(self) -> None:
        """Begin with the messages that come from now on."""
        self._last = self._log.last

    def take(self, names: Sequence[str], lines: Sequence[LineId], host: str) -> list[WireCopy]:
        """Messages since the last time: of calls with these Call-IDs, of those on these lines, or
        of the peer at this address. Of a call that was not known before, the earlier ones too.
        """
        fresh, is_whole = self._log.after(self._last)
        self.gaps += not is_whole
        refs = {*names, *(call.ref for call in self._calls(lines))}
        new, self._refs = refs - self._refs, refs | self._refs
        found = [one for one in fresh if one[2] == host or _is_of(one, self._refs)]
        if new:
            newest = len(self._log) - len(fresh)
            earlier = self._log.all()[:newest]
            found = [one for one in earlier if one[2] != host and _is_of(one, new)] + found
        if fresh:
            self._last = fresh[-1]
        return [self._copy(one) for one in found]

    def lines_with(self, host: str) -> list[LineId]:
        """Lines with a call whose signalling goes to this address."""
        calls = {line: one.call for line, one in self._lines.items() if one.call is not None}
        return [line for line, call in calls.items() if _host_of(call) == host]

    def audio(self, line: LineId) -> RtpAddress | None:
        """Where the far end sends the audio of the call on a line."""
        for call in self._calls([line]):
            if call.session is not None:
                return RtpAddress(call.session.host, call.session.port)
        return None

    def _calls(self, lines: Sequence[LineId]) -> list[Call]:
        found = (self._lines[line].call for line in lines if line in self._lines)
        return [call for call in found if call is not None]

    def _copy(self, one: Kept) -> WireCopy:
        at, out, host, port, transport, data = one
        ours = ("", 0)
        for kind, place, number in reversed(self._places()):
            if kind == transport and (":" in place) == (":" in host):
                ours = place, number
        return WireCopy(
            at=at,
            out=out,
            transport=transport,
            host=host,
            port=port,
            our_host=ours[0],
            our_port=ours[1],
            data=masked(data),
        )


def _is_of(one: Kept, refs: set[str]) -> bool:
    data = one[5]
    # A look at the bytes first: few of many thousand messages need to be read.
    if not any(ref.encode() in data for ref in refs):
        return False
    try:
        return parse(data).call_id in refs
    except WireError:
        return False


def _host_of(call: Call) -> str:
    return call.address.host if call.dialog is None else call.dialog.source.host
