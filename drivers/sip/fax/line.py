"""T.38 on a line of the SIP driver."""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from drivers.api import LineId, RtpAddress
from drivers.sip.core.happenings import T38Answered, T38Cancelled, T38Over, T38Wanted
from drivers.t38 import T38Asked, T38Left, T38Terms, T38Told, T38Withdrawn

if TYPE_CHECKING:
    from drivers.events import LineEvent
    from drivers.sip.core.call import Call
    from drivers.sip.driver import SipDriver
    from drivers.sip.fax.switching import T38Switching

ANSWER_S: Final = 20.0  # s that a peer may take to answer our re-INVITE


class T38Side(ABC):
    """The part of ``SipLine`` that changes its call to T.38 and back."""

    driver: "SipDriver"
    id: LineId
    call: "Call | None"
    _t38: "asyncio.Future[T38Terms | None] | None" = None
    _proposed: asyncio.TimerHandle | None = None
    """The far end was asked, and its answer is an event; it comes in time, or is a no."""

    @abstractmethod
    def tell(self, event: "LineEvent") -> None:
        """Hand an event up."""

    async def offer_t38(self, local: RtpAddress) -> T38Terms | None:
        """Ask the far end to change to T.38; None when it does not, then audio stands."""
        call = self.call
        if call is None or self._t38 is not None or self._proposed is not None:
            return None
        answer: asyncio.Future[T38Terms | None] = asyncio.get_running_loop().create_future()
        self._t38 = answer
        try:
            if not self._switching.offer(call, local):
                return None
            self.driver.flush()
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            # A yes of the last moment counts, for T.38 stands.
            return answer.result() if answer.done() and not answer.cancelled() else None
        finally:
            self._t38 = None

    async def propose_t38(self, local: RtpAddress, *, like: T38Terms) -> bool:
        """Ask as offer_t38 does, in others' terms; ``T38Told`` follows. False: it does not."""
        call = self.call
        if call is None or self._t38 is not None or self._proposed is not None:
            return False
        if not self._switching.offer(call, local, like):
            return False
        loop = asyncio.get_running_loop()
        self._proposed = loop.call_later(ANSWER_S, self._tell_answer, None)
        self.driver.flush()
        return True

    async def accept_t38(self, local: RtpAddress, *, like: T38Terms | None = None) -> bool:
        """Do what the far end asked for; False when it asks no longer.

        ``like`` are the terms of whom its datagrams are passed on to, without them ours.
        """
        done = self.call is not None and self._switching.accept(self.call, local, like)
        self.driver.flush()
        return done

    async def refuse_t38(self, *, later: bool = False) -> None:
        """Stay with audio; the far end may ask again in a moment if it is possible ``later``."""
        if self.call is not None:
            self._switching.refuse(self.call, later=later)
            self.driver.flush()

    async def retell_t38(self, *, like: T38Terms) -> None:
        """Tell a far end that stands on T.38 others' terms; T.38 goes on when it refuses."""
        if self.call is not None and self._t38 is None and self._proposed is None:
            self._switching.retell(self.call, like)
            self.driver.flush()

    async def leave_t38(self) -> None:
        """Change back to audio; nothing happens where audio stands."""
        if self.call is not None:
            self._switching.leave(self.call)
            self.driver.flush()

    def t38_happened(self, happened: T38Wanted | T38Answered | T38Cancelled | T38Over) -> None:
        """The far end asks for T.38 or no longer, answers, or is back at audio."""
        if isinstance(happened, T38Wanted):
            self.tell(T38Asked(line=self.id, terms=happened.terms))
        elif isinstance(happened, T38Over):
            self.tell(T38Left(line=self.id))
        elif isinstance(happened, T38Cancelled):
            self.tell(T38Withdrawn(line=self.id))
        elif self._proposed is not None:
            self._tell_answer(happened.terms)
        elif self._t38 is not None and not self._t38.done():
            self._t38.set_result(happened.terms)
        elif happened.terms is not None:
            self._switching.leave(happened.call)  # a yes that nobody waits for any longer

    def t38_replaced(self, old: "Call") -> None:
        """Another call has taken the place of one, with audio: nobody asks in that any more."""
        spoke = old.session is not None and old.session.speaks_t38
        self.drop_t38(old)
        if spoke:
            self.tell(T38Left(line=self.id))

    def drop_t38(self, call: "Call | None") -> None:
        """The call is over."""
        if call is not None:
            self._switching.forget(call)
        if self._t38 is not None and not self._t38.done():
            self._t38.set_result(None)
        if self._proposed is not None:
            self._tell_answer(None, over=True)

    def _tell_answer(self, terms: T38Terms | None, *, over: bool = False) -> None:
        if self._proposed is not None:
            self._proposed.cancel()
            self._proposed = None
        self.tell(T38Told(line=self.id, terms=terms, over=over))

    @property
    def _switching(self) -> "T38Switching":
        return self.driver.act().in_dialog.offers.t38
