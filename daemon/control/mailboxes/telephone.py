"""One call at a mailbox: speaks, plays, and takes keys, as the visit says."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from typing import Final, Protocol

import structlog
from tortoise.exceptions import BaseORMException

from acd_core.ids import to_text
from daemon.control.calls.call import Call
from daemon.control.flows.company import paths
from daemon.control.flows.hooks import CallMedia, Signals
from daemon.control.flows.prompts import Prompts
from daemon.control.mailboxes.messages import Messages
from daemon.control.mailboxes.pins import OPEN, Pins
from daemon.link.errors import LinkError
from daemon.link.messages import DigitDetected, PlayFinished
from daemon.service.messages import Actor
from drivers.errors import DriverError
from ivr.actions import MailboxAction, OpenMailbox, Speech
from ivr.inputs import MailboxOpened, MailboxRefused, MessagesHeard
from ivr.voicemail.visit import Jump, Listen, Mark, Pace, Say, Stage, Steps, Visit
from ivr.voicemail.words import say

log = structlog.get_logger()

ATTEMPTS: Final = 3  # of a mailbox and its PIN in one call
FIRST_S: Final = 8.0  # s to the first digit
BETWEEN_S: Final = 5.0  # s between digits
MOST_DIGITS: Final = 32
END: Final = "#"


class MailboxContext(Protocol):
    """What a call at a mailbox needs of the control process."""

    clock: Callable[[], float]
    ids: Callable[[], int]
    prompts: Prompts

    @property
    def media(self) -> CallMedia: ...

    def message_lamp(self, mailbox: str, *, on: bool) -> None: ...


class MailboxCall:
    """One caller, from the question for his mailbox to the last message."""

    def __init__(
        self,
        call: Call,
        signals: Signals,
        *,
        context: MailboxContext,
        messages: Messages,
        audit: Callable[[Actor, str, str], None],
    ) -> None:
        if call.caller.port is None:
            raise DriverError("messages are heard on a line with audio only")
        self._call = call
        self._port = call.caller.port
        self._signals = signals
        self._context = context
        self._messages = messages
        self._audit = audit
        self._player = 0
        """What is heard now; 0 for nothing."""
        self.deleted: set[int] = set()
        """Recordings whose files may have to go when the call is over."""

    # -- the door -------------------------------------------------------------------------

    async def open(
        self, action: OpenMailbox, station: str, pins: Pins
    ) -> MailboxOpened | MailboxRefused:
        """Let the caller in who calls from the station of the mailbox, or knows its PIN."""
        mailbox = action.mailbox or station
        at_home = bool(mailbox) and mailbox == station
        if at_home and not action.always_pin:
            self._note("mailbox.open", mailbox)
            return MailboxOpened(mailbox=mailbox)
        refused = "wrong"
        for _ in range(ATTEMPTS):
            number = mailbox or await self._asked("mailbox", action.language)
            pin = await self._asked("pin", action.language) if number else ""
            if not pin:
                refused = "silent"
                break
            caller = self._call.ani or self._call.caller.line
            refused = await pins.refusal(number, pin, caller, at_home=at_home)
            if refused == OPEN:
                self._note("mailbox.open", number)
                return MailboxOpened(mailbox=number)
            # What is no mailbox may be a PIN that was entered in its place.
            self._note("mailbox.refuse", number if await pins.is_known(number) else "")
            await self._said(say("refused" if refused == "limited" else "wrong", action.language))
            if refused == "limited":
                break
        return MailboxRefused(reason=refused)

    async def _asked(self, what: str, language: str) -> str:
        """Digits up to the end key; empty when none came. They are kept nowhere."""
        await self._say((say(what, language),))
        digits = ""
        while True:
            patience = None if self._player else BETWEEN_S if digits else FIRST_S
            try:
                signal = await asyncio.wait_for(self._signals.get(), patience)
            except TimeoutError:
                return digits
            if self._is_end(signal):
                self._player = 0
            if not isinstance(signal, DigitDetected):
                continue
            await self._hush()
            if signal.key == END or len(digits) >= MOST_DIGITS:
                return digits
            digits += signal.key

    # -- inside ---------------------------------------------------------------------------

    async def hear(self, action: MailboxAction, zone: tzinfo) -> MessagesHeard:
        """Let the caller hear what is in his mailbox until he has enough of it."""
        today = _today(self._context.clock(), zone)
        try:
            found = await self._messages.of(action.mailbox, zone)
        except BaseORMException as error:
            log.error("messages cannot be read: database away", why=str(error))
            await self._said(say("refused", action.language))
            return MessagesHeard()
        visit = Visit(found, action.language, today)
        self.deleted.update(each.recording for each in found if each.deleted)
        told = visit.start()
        while True:
            await self._perform(visit, told)
            if visit.stage is Stage.OVER:
                await self._heard_out()
                break
            told = await self._next(visit)
        kept = [each for each in visit.messages if not each.deleted]
        return MessagesHeard(new=sum(not each.heard for each in kept), left=len(kept))

    async def _next(self, visit: Visit) -> Steps:
        """Wait for what happens next, and ask the visit what to do."""
        patience = None if self._player else visit.patience_s or 0.0
        try:
            signal = await asyncio.wait_for(self._signals.get(), patience)
        except TimeoutError:
            now = self._context.clock()
            return visit.silent(now) if visit.patience_s else visit.sounded(now)
        if isinstance(signal, DigitDetected):
            return visit.key(signal.key, self._context.clock())
        if self._is_end(signal):
            self._player = 0
            return visit.sounded(self._context.clock())
        return ()

    async def _perform(self, visit: Visit, told: Steps) -> None:
        for step in told:
            match step:
                case Say(said=said):
                    await self._say(said)
                case Listen():
                    if not await self._listen(step):
                        await self._perform(visit, visit.gone(self._context.clock()))
                        return
                case Jump(ms=ms) if self._player:
                    await self._context.media.seek_play(self._player, ms, relative=True)
                case Pace(speed=speed) if self._player:
                    await self._context.media.set_speed(self._player, speed)
                case Mark():
                    await self._mark(step)
                case _:
                    pass

    async def _mark(self, step: Mark) -> None:
        mailbox = await self._messages.mark(step.recording, heard=step.heard, deleted=step.deleted)
        try:
            if mailbox and not await self._messages.any_new(mailbox):
                self._context.message_lamp(mailbox, on=False)
        except BaseORMException as error:
            log.warning("lamp stays as it is: database away", why=str(error))
        if step.deleted:
            self.deleted.add(step.recording)
        what = "message.delete" if step.deleted else "message.keep"
        self._note(what, to_text(step.recording))

    # -- sound ----------------------------------------------------------------------------

    async def _listen(self, step: Listen) -> bool:
        """Play a message; False when its audio is gone."""
        path = await self._messages.path(step.recording)
        if not path:
            return False
        if step.start_ms == 0:
            self._note("recording.play", to_text(step.recording))
        try:
            await self._start((path,), start_ms=step.start_ms, speed=step.speed)
        except LinkError as error:
            log.warning("message cannot be played", path=path, why=str(error))
            return False
        return True

    async def _say(self, said: Sequence[Speech]) -> None:
        files = await paths(self._context.prompts, said)
        if files:
            await self._start(files)
        else:
            await self._hush()

    async def _said(self, *said: Speech) -> None:
        await self._say(said)
        await self._heard_out()

    async def _heard_out(self) -> None:
        while self._player:
            if self._is_end(await self._signals.get()):
                self._player = 0

    async def _start(self, files: Sequence[str], *, start_ms: int = 0, speed: float = 1.0) -> None:
        """Play in the place of what plays; a key does not end it, for keys move about in it."""
        player = self._context.ids()
        await self._context.media.play(self._port, player, files, start_ms=start_ms, speed=speed)
        self._player = self._call.player = player

    async def _hush(self) -> None:
        player, self._player = self._player, 0
        if player:
            await self._context.media.stop_play(player)

    def _is_end(self, signal: object) -> bool:
        return isinstance(signal, PlayFinished) and signal.player == self._player

    def _note(self, action: str, subject: str) -> None:
        caller = self._call
        who = Actor(login="telephone", address=caller.ani or caller.caller.line, via="telephone")
        self._audit(who, action, subject)


def _today(now: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(now, zone).date()
