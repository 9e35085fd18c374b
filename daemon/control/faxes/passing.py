"""T.38 in a conversation of two: passed on where both legs speak it, else through a gateway.

Who asks waits with his re-INVITE until the other leg has been asked: it takes T.38 as well, and
datagrams are passed on, or it stays with audio, and a gateway stands between them. When that one
asks for T.38 itself, later, the gateway makes way. What runs is a segment of the call, so a
control process that comes back knows of it. After media was started anew, datagrams are passed
on at the same ports; whoever had a gateway goes back to audio.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, OpenSegment
from daemon.control.faxes.t38 import T38Changes, T38Control, other_leg, peer_of
from daemon.control.records import Records
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxProgress
from drivers.api import LineId, PortId
from drivers.errors import DriverError
from drivers.t38 import T38Asked, T38Event, T38Terms, T38Told

KIND: Final = "t38"
GATEWAY: Final = "gateway"
PASSED_ON: Final = "passed_on"

log = structlog.get_logger()


class T38Again(T38Event, frozen=True, kw_only=True):
    """Media was started anew while datagrams were passed on: open both sockets again."""

    fax: int


class T38Gone(T38Event, frozen=True, kw_only=True):
    """What stood between two legs has ended by itself: both are to go back to audio."""

    other: LineId


class _Life(Protocol):
    """The life of a call, as far as this needs it."""

    def tell(self, happened: T38Event) -> None: ...


class PassingControl(T38Control, Protocol):
    """The control process, as far as this needs it."""

    clock: Callable[[], float]
    ids: Callable[[], int]
    records: Records

    @property
    def calls(self) -> Mapping[int, _Life]:
        """The calls that live, by number."""

    def keep(self, call: Call) -> None:
        """Journal the call as it is now, and show it."""


class _Asking(msgspec.Struct, frozen=True):
    """Somebody asks for T.38, and the other leg was asked whether it takes it."""

    asked: T38Asked
    number: int
    """Of the socket of who asks."""
    other: LineId
    other_number: int


class _Passing(msgspec.Struct):
    """What runs, or ran until media tells its end."""

    call: Call
    segment: OpenSegment
    asking: _Asking | None = None
    """Who asked, and for what; None when that was a control process before this one."""
    passed: fax.PassT38 | None = None
    """What media was asked for, where it can be asked for again."""
    places: tuple[int, ...] = ()
    """UDP ports of both sockets."""
    made_way: bool = False
    """A gateway whose sides both speak T.38 by now: its end is no failure."""

    @property
    def stands(self) -> bool:
        """Whether the call has not ended it."""
        return self.call.segments.get(KIND) is self.segment


class T38Passing:
    """The conversations by T.38, by call and by the number of the fax in media."""

    def __init__(self, control: PassingControl, changes: T38Changes) -> None:
        self._control = control
        self._changes = changes
        self._asking: dict[int, _Asking] = {}
        self._running: dict[int, _Passing] = {}
        """Those whose end media has not told yet, also after the end of their calls."""

    # -- it begins ------------------------------------------------------------------------

    async def asked(self, call: Call, asked: T38Asked) -> bool:
        """One of two who talk wants T.38; False when it cannot be."""
        other = other_leg(call, asked.line)
        if other is None or other.port is None or call.id in self._asking:
            return False
        if KIND in call.segments:
            return await self._make_way(call, asked)
        ids = self._control.ids
        asking = _Asking(asked, ids(), other.line, ids())
        if await self._changes.propose(other.line, asking.other_number, asked.terms):
            self._asking[call.id] = asking
            return True
        return await self._gateway(call, asking)

    def waits(self, call: Call) -> bool:
        """Whether a leg was asked and has not answered: who asks us now may ask again."""
        return call.id in self._asking

    async def told(self, call: Call, told: T38Told) -> None:
        """The other leg answers."""
        asking = self._asking.get(call.id)
        if asking is None or asking.other != told.line:
            if told.terms is not None:
                await self._changes.leave(told.line)  # who asked is gone
            return
        del self._asking[call.id]
        if told.terms is None:
            await self._stop(asking.other_number)
            if told.over or not await self._gateway(call, asking):
                await self._changes.refuse(asking.asked.line)
        else:
            await self._pass_on(call, asking, told.terms)

    async def _pass_on(self, call: Call, asking: _Asking, terms: T38Terms) -> None:
        """Both legs take T.38: join their sockets."""
        other = other_leg(call, asking.asked.line)
        peer = None
        if other is not None and other.line == asking.other:
            peer = await self._changes.accept(asking.asked, asking.number, terms)
        if peer is None:
            await self._changes.refuse(asking.asked.line)
            await self._changes.leave(asking.other)
            await self._stop(asking.other_number)
            return
        passed = fax.PassT38(
            fax=asking.number, peer=peer, other=asking.other_number, other_peer=peer_of(terms)
        )
        reply = await self._changes.tell(passed)
        if isinstance(reply, fax.FaxStarted):
            running = self._begins(call, asking, PASSED_ON)
            running.passed, running.places = passed, reply.places
            return
        log.error("T.38 is not passed on", call=to_text(call.id), why=str(reply))
        both = (asking.asked.line, asking.number), (asking.other, asking.other_number)
        for line, number in both:
            await self._changes.leave(line)
            await self._stop(number)

    async def _make_way(self, call: Call, asked: T38Asked) -> bool:
        """The leg on audio asks for T.38 now: pass on in place of the gateway; False: refuse it."""
        before = self._running.get(int(call.segments[KIND].detail["fax"]))
        if before is None or before.asking is None or asked.line != before.asking.other:
            return False
        if before.segment.detail["way"] != GATEWAY:
            return False
        near, ids = before.asking.asked, self._control.ids
        asking = _Asking(near, ids(), asked.line, ids())
        peer = await self._changes.accept(asked, asking.other_number, near.terms)
        if peer is None:
            return False
        before.made_way = True
        reply = await self._changes.tell(
            fax.PassT38(
                fax=asking.number,
                peer=peer_of(near.terms),
                other=asking.other_number,
                other_peer=peer,
                gateway=before.asking.number,
            )
        )
        if not isinstance(reply, fax.FaxStarted):
            log.error("T.38 is not passed on", call=to_text(call.id), why=str(reply))
            before.made_way = False
            await self._changes.leave(asked.line)
            await self._stop(asking.other_number)
            return True
        if before.stands:
            del call.segments[KIND]  # media tells its end
        self._begins(call, asking, PASSED_ON)
        await self._join(call)
        await self._changes.retell(near.line, asked.terms)
        return True

    async def _gateway(self, call: Call, asking: _Asking) -> bool:
        """The other leg stays with audio: put a gateway between them; False: refuse it."""
        asked, number = asking.asked, asking.number
        other = other_leg(call, asked.line)
        if other is None or other.line != asking.other or other.port is None:
            return False
        peer = await self._changes.accept(asked, number)
        if peer is None:
            return False
        reply = await self._changes.tell(fax.StartFax(fax=number, way="gateway", t38=peer))
        if not isinstance(reply, fax.FaxStarted):
            log.error("fax gateway does not start", call=to_text(call.id), why=str(reply))
            await self._changes.leave(asked.line)
            return True
        self._begins(call, asking, GATEWAY)
        # The bridge keeps its number: whoever ends the conversation ends this.
        media = self._control.media
        try:
            await media.unbridge(call.bridge)
            await media.bridge(call.bridge, PortId(reply.port), other.port)
        except DriverError as error:
            # Its worker died at once, or media did: no gateway may stay behind.
            log.error("fax gateway is not joined", call=to_text(call.id), why=str(error))
            await self.over(call)
            await self._changes.leave(asked.line)
        return True

    def _begins(self, call: Call, asking: _Asking, way: str) -> _Passing:
        control = self._control
        detail = {
            "fax": str(asking.number),
            "way": way,
            "line": asking.asked.line,
            "other_line": asking.other,
        }
        control.records.open_segment(call, KIND, control.clock(), detail=detail)
        running = _Passing(call, call.segments[KIND], asking)
        self._running[asking.number] = running
        control.keep(call)
        log.info("T.38 in a conversation", call=to_text(call.id), **detail)
        return running

    # -- it ends --------------------------------------------------------------------------

    async def left(self, call: Call, line: LineId) -> None:
        """A leg is back at audio: both hear each other as before."""
        segment = call.segments.get(KIND)
        lines = () if segment is None else (segment.detail["line"], segment.detail["other_line"])
        if segment is None or line not in lines:
            return
        passed_on = segment.detail["way"] == PASSED_ON
        await self.over(call)
        for leg in (call.caller, *call.partners):  # somebody else may be there by now
            if passed_on and leg.line in lines and leg.line != line:
                await self._changes.leave(leg.line)
        await self._join(call)

    async def _join(self, call: Call) -> None:
        """Let both hear each other, as before T.38; the bridge keeps its number."""
        ports = [leg.port for leg in (call.caller, *call.partners) if leg.port is not None]
        media, bridge = self._control.media, call.bridge
        if not bridge or len(ports) < 2:
            return
        try:
            if len(ports) > 2:  # a supervisor is in it, too
                await media.join(bridge, ports[0])
                await media.join(bridge, ports[1])
            else:
                await media.unbridge(bridge)
                await media.bridge(bridge, *ports)
            log.info("legs of T.38 are joined", call=to_text(call.id))
        except DriverError as error:
            # One of them hangs up in this moment: that is the next thing the call hears.
            log.warning("legs are not joined again", call=to_text(call.id), why=str(error))

    async def parted(self, call: Call) -> None:
        """The two do not talk any more, and the call may go on: its legs need their audio."""
        segment = call.segments.get(KIND)
        if segment is None and call.id not in self._asking:
            return
        await self.over(call)
        if segment is not None:
            for which in ("line", "other_line"):
                await self._changes.leave(LineId(segment.detail[which]))

    async def over(self, call: Call) -> None:
        """The call ends, or T.38 in it; its segment does when media tells how it went."""
        asking = self._asking.pop(call.id, None)
        if asking is not None:
            await self._changes.refuse(asking.asked.line)
            await self._stop(asking.number)
            await self._stop(asking.other_number)
        segment = call.segments.pop(KIND, None)
        if segment is None:
            return
        number = int(segment.detail["fax"])
        self._running.setdefault(number, _Passing(call, segment))
        reply = await self._stop(number)
        if reply is None or not reply.ends:
            self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO))

    def happened(self, event: FaxEnded | FaxProgress) -> bool:
        """Take what media tells; False when it is about something else."""
        found = self._running.get(event.fax)
        if found is None:
            return False
        call, segment = found.call, found.segment
        known = {"pages": str(event.pages), "rate": str(event.rate)}
        segment.detail |= known if event.rate else {}
        if isinstance(event, FaxProgress):
            log.info("fax gateway", call=to_text(call.id), pages=event.pages, rate=event.rate)
            return True
        del self._running[event.fax]
        counts = {f"packets_{name}": str(count) for name, count in event.packets.items()}
        log.info("T.38 is over", call=to_text(call.id), code=event.code, packets=event.packets)
        control, result = self._control, segment.detail["way"]
        if event.code != fax.OK and not event.pages and not found.made_way:
            result = "fax_failed"
        stood = found.stands
        # The call goes on without it, maybe with another one by now, or has ended before.
        next_one = call.segments.pop(KIND, segment)
        call.segments[KIND] = segment
        detail: dict[str, object] = {**counts, "code": str(event.code)}
        control.records.close_segment(call, KIND, control.clock(), result=result, detail=detail)
        if next_one is not segment:
            call.segments[KIND] = next_one
        elif stood and not found.made_way:
            # Nobody asked for it: the legs would wait for datagrams that nobody sends.
            self._tell(call, _end_of(segment))
        return True

    async def gone(self, call: Call, event: T38Gone) -> None:
        """What stood between two legs has ended by itself: their faxes go on by audio, or fail."""
        if KIND in call.segments:
            return
        for leg in (call.caller, *call.partners):
            if leg.line in (event.line, event.other):
                await self._changes.leave(leg.line)
        await self._join(call)

    # -- processes that come and go -------------------------------------------------------

    def media_restarted(self) -> None:
        """Sockets and gateways end with their media process; what is passed on comes back."""
        for number, running in tuple(self._running.items()):
            if running.stands and running.places:
                line = LineId(running.segment.detail["line"])
                self._tell(running.call, T38Again(line=line, fax=number))
            else:
                self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO))

    async def again(self, call: Call, event: T38Again) -> None:
        """Pass on at the same ports what a media process before this one did."""
        running = self._running.get(event.fax)
        if running is None or not running.stands or running.passed is None:
            return
        passed, changes = running.passed, self._changes
        for number, port in zip((passed.fax, passed.other), running.places, strict=True):
            await changes.reopen(number, port)
        if isinstance(await changes.tell(passed), fax.FaxStarted):
            running.segment.detail["interrupted"] = "1"
            log.warning("T.38 goes on after a gap", call=to_text(call.id), fax=event.fax)
        else:
            self.happened(FaxEnded(fax=event.fax, code=fax.NO_AUDIO))

    async def restored(self, call: Call) -> None:
        """Know what runs in a call of a control process before this one, unless it is over."""
        segment = call.segments.get(KIND)
        if segment is None:
            return
        number = int(segment.detail["fax"])
        self._running[number] = _Passing(call, segment)
        if await self._unknown(number):
            self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO))
            await self.gone(call, _end_of(segment))  # its life begins later

    async def events_lost(self) -> None:
        """Events of media are lost: ask what became of each; its end is told again."""
        for number in tuple(self._running):
            if await self._unknown(number) and number in self._running:
                self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO))

    async def _unknown(self, number: int) -> bool:
        reply = await self._changes.tell(fax.AskFax(fax=number))
        return isinstance(reply, fax.FaxStopped) and not reply.ends

    def _tell(self, call: Call, event: T38Event) -> None:
        life = self._control.calls.get(call.id)
        if life is not None:
            life.tell(event)

    async def _stop(self, number: int) -> fax.FaxStopped | None:
        reply = await self._changes.tell(fax.StopFax(fax=number))
        return reply if isinstance(reply, fax.FaxStopped) else None


def _end_of(segment: OpenSegment) -> T38Gone:
    line, other = segment.detail["line"], segment.detail["other_line"]
    return T38Gone(line=LineId(line), other=LineId(other))
