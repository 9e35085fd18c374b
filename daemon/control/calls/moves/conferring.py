"""More than two in the conversation: guests whom the agent has asked in (conference).

Guests are further members of the bridge of caller and agent. They wait in silence while the
agent has the caller on hold, and stay when the agent hands the conversation on or leaves.
"""

from typing import TYPE_CHECKING, Final

from daemon.control.calls.call import Guest, Onward, Phase
from daemon.control.calls.context import CallContext, CallPart
from daemon.link.errors import LinkError
from drivers import events as line_events
from drivers.events import Cause, LineEvent

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

IN_CONVERSATION: Final = (Phase.TALKING, Phase.ON_HOLD, Phase.OUTSIDE)


class Conferring(CallPart):
    """Keeps the guests of one call in its conversation."""

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        self._joined = 0
        """The bridge that they are in; each hold ends one."""
        self._present: set[int] = set()
        """Legs that are in it."""

    async def happened(self, event: LineEvent, guest: Guest) -> None:
        """Something happened on a guest's line."""
        match event:
            case line_events.Released() | line_events.LineDown():
                self._forget(guest)
                self._log.info("guest left the conference", guest=guest.to)
            case line_events.Transferred(transfer=transfer):
                transfers = self._context.transfers(self.call)
                if transfer and transfers is not None:
                    await transfers.transfer_ended(transfer, Cause.NOT_IMPLEMENTED)
            case _:
                pass

    async def follow(self) -> None:
        """Bring guests into a new bridge; let them go when the conversation is over."""
        call = self.call
        if not call.guests:
            return
        if call.phase not in IN_CONVERSATION:
            for guest in call.guests:
                await self._life.release(guest.leg.line, Cause.NORMAL)
            call.guests = ()
            return
        if call.bridge != self._joined:
            self._joined, self._present = call.bridge, set()
        if not call.bridge:
            return
        for guest in call.guests:
            if guest.leg.id not in self._present and guest.leg.port is not None:
                self._present.add(guest.leg.id)
                await self._join(guest)

    def heir(self) -> Onward | None:
        """The guest who goes on with the caller now that the agent leaves; None without one."""
        if not self.call.guests:
            return None
        first, *others = self.call.guests
        self.call.guests = tuple(others)
        return Onward(
            to=first.to,
            leg=first.leg,
            by_agent=True,
            by=first.by,
            way="attended",
        )

    async def _join(self, guest: Guest) -> None:
        assert guest.leg.port is not None
        try:
            await self._context.media.join(self.call.bridge, guest.leg.port)
        except LinkError as error:
            self._log.error("guest cannot be let in", guest=guest.to, why=str(error))
            self._forget(guest)
            await self._life.release(guest.leg.line, Cause.TEMPORARY_FAILURE)

    def _forget(self, guest: Guest) -> None:
        self.call.guests = tuple(each for each in self.call.guests if each is not guest)
