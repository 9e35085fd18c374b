"""A supervisor in somebody else's conversation: he listens, whispers to the agent, or barges in.

His own station rings; when he answers he is a third member of the bridge of caller and agent.
He stays as long as the two are joined, through hold and back, unless he hangs up first.
Nothing that goes wrong with him touches their conversation.
"""

from typing import TYPE_CHECKING, Final

from daemon.control.calls.call import Leg, Part, Supervision
from daemon.control.calls.context import (
    CallContext,
    CallPart,
    StopSupervisingRequest,
    SuperviseRequest,
    SupervisingRequest,
    SupervisorDue,
)
from daemon.control.calls.moves.passing_on import ring
from daemon.link.errors import LinkError
from drivers import events as line_events
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

PATIENCE_S: Final = 30.0  # s that the supervisor's station may ring
PARTS: Final = {Part.LISTEN: "listens", Part.WHISPER: "whispers", Part.BARGE: "talks"}
"""What media calls each part."""


class Supervising(CallPart):
    """Rings one supervisor for one call, and keeps him in its conversation."""

    __slots__ = ("_joined",)

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        self._joined = 0
        """The bridge that he is in; hold ends one, and the way back makes another."""

    @property
    def is_spare(self) -> bool:
        """Whether no supervisor is in the conversation."""
        return not self._joined

    async def asked(self, request: SupervisingRequest) -> None:
        """A person asks, or his station rang long enough."""
        supervision = self.call.supervision
        match request:
            case SuperviseRequest() if supervision is None:
                await self._ring(request)
            case SuperviseRequest() if supervision and supervision.login == request.login:
                await self._change(supervision, request.part)
            case StopSupervisingRequest():
                await self.stop(Cause.NORMAL)
            case SupervisorDue():
                if (
                    supervision
                    and supervision.leg.id == request.leg
                    and not supervision.leg.answered
                ):
                    await self.stop(Cause.NO_ANSWER)
            case _:
                self._log.info("too late to supervise the call", what=type(request).__name__)

    async def happened(self, event: LineEvent, supervision: Supervision) -> None:
        """Something happened on the supervisor's line."""
        match event:
            case line_events.Answered() if not supervision.leg.answered:
                supervision.leg.port = self._context.line(supervision.leg.line).port
                supervision.leg.answered = self._context.clock()
                self._log.info("supervisor answered", supervisor=supervision.login)
            case line_events.Released() | line_events.LineDown():
                self.call.supervision = None
                self._log.info("supervisor left", supervisor=supervision.login)
            case line_events.Transferred(transfer=transfer):
                # The conversation is not his to give away.
                transfers = self._context.transfers(self.call)
                if transfer and transfers is not None:
                    await transfers.transfer_ended(transfer, Cause.NOT_IMPLEMENTED)
            case _:
                pass

    async def follow(self) -> None:
        """Do what the call wants of him now: in again after hold, and out when it is over."""
        call, supervision = self.call, self.call.supervision
        if supervision is None:
            return
        if not call.connected:
            await self.stop(Cause.NORMAL)
        elif supervision.leg.answered and call.bridge != self._joined:
            await self._join(supervision)

    async def resume(self) -> None:
        """After a restart: a station that rang rings no more, who was in stays in."""
        supervision = self.call.supervision
        if supervision is None or supervision.leg.line in self._life.gone:
            return
        if not supervision.leg.answered:
            self.call.supervision = None
            return
        await self.follow()

    async def stop(self, cause: Cause) -> None:
        """Let his station go, whether it rings or he is in."""
        supervision, self.call.supervision = self.call.supervision, None
        if supervision is not None:
            await self._life.release(supervision.leg.line, cause)
            self._log.info("supervisor let go", supervisor=supervision.login, cause=int(cause))

    async def _ring(self, request: SuperviseRequest) -> None:
        """Ring the station of a supervisor; not when the conversation is over meanwhile."""
        call, context = self.call, self._context
        if not call.connected:
            return
        try:
            line = context.station_line(request.station)
            if context.watched(line.id):
                self._log.info("supervisor's station is in use", station=request.station)
                return
            leg = Leg(id=context.ids(), line=line.id)
            self._life.carries(line.id)
            context.watch(line.id, self._life)
            try:
                await ring(line, request.station, call)
            except DriverError:
                context.watch(line.id, None)
                raise
        except DriverError as error:
            self._log.warning("supervisor cannot be rung", station=request.station, why=str(error))
            return
        call.supervision = Supervision(
            login=request.login, station=request.station, part=request.part, leg=leg
        )
        self._joined = 0
        self._tell_in(PATIENCE_S, SupervisorDue(leg=leg.id))
        self._log.info("supervisor is rung", supervisor=request.login, part=request.part)

    async def _change(self, supervision: Supervision, part: Part) -> None:
        """Give him another part; one who waits for the end of hold has it from then on."""
        supervision.part = part
        self._log.info("supervisor changes part", supervisor=supervision.login, part=part)
        if supervision.leg.answered and self._joined:
            await self._join(supervision)

    async def _join(self, supervision: Supervision) -> None:
        """Put him where he belongs; let him go when media cannot."""
        call, port = self.call, supervision.leg.port
        agent = call.agent_leg.port if call.agent_leg is not None else None
        self._joined = call.bridge
        if not call.bridge:
            return  # on hold: he hears nothing, and is in again afterwards
        if port is None or agent is None:
            self._log.error("supervisor has no audio port", line=supervision.leg.line)
            await self.stop(Cause.TEMPORARY_FAILURE)
            return
        try:
            whom = agent if supervision.part is Part.WHISPER else None
            await self._context.media.join(
                call.bridge, port, part=PARTS[supervision.part], agent=whom
            )
        except LinkError as error:
            # The two go on talking; he must not be left on a line where nobody is.
            self._log.error("supervisor cannot be let in", why=str(error))
            await self.stop(Cause.TEMPORARY_FAILURE)
