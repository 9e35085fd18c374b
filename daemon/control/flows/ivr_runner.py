"""Performs what a flow asks for: plays, listens for keys and speech, records, queues.

One runner a call, one action at a time. What happens on the call reaches it as signals;
where the call itself has to change (queue, transfer, hang-up) it asks its ``CallHooks``.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog

from daemon.control.faxes.listening import FaxEar
from daemon.control.flows.company import Company, paths
from daemon.control.flows.ears import Ears, patience
from daemon.control.flows.hooks import AgentTalks, CallHooks, CallMedia, Listener, Signal, told
from daemon.control.flows.inbox import Inbox
from daemon.control.flows.prompts import Prompts
from daemon.control.flows.queue_words import no_callback
from daemon.fax.messages import OK as FAX_OK
from daemon.fax.messages import FaxEnded
from daemon.fax.texts import text_of
from daemon.link.errors import LinkError
from daemon.link.messages import (
    DigitDetected,
    FaxTone,
    MediaRestarted,
    PlayFinished,
    RecordFinished,
    SpeechStarted,
)
from drivers.api import PortId
from ivr.actions import (
    Collect,
    EnterQueue,
    FlowAction,
    HangUp,
    MailboxAction,
    Play,
    ReceiveFax,
    RecordMessage,
    Transfer,
)
from ivr.actions import Speech as PromptText
from ivr.inputs import (
    DigitsEntered,
    FaxFailed,
    FaxHeard,
    FaxReceived,
    FlowInput,
    Heard,
    Input,
    Played,
    QueueLeft,
    Recorded,
    TimedOut,
)
from ivr.interpreter import IvrSession
from speech.api import EngineDown, NoInput, TooLong
from speech.api import (
    Final as SpeechFinal,
)

log = structlog.get_logger()

BEEP_HZ: Final = 1000.0  # Hz, the tone before a recorded message
BEEP_MS: Final = 300  # ms
MOST_TYPED: Final = 32  # keys that are kept, the newest
RECORD_SPARE_S: Final = 5.0  # s beyond a recording's limit, likewise

_decoder: msgspec.msgpack.Decoder[FlowInput] = msgspec.msgpack.Decoder(FlowInput)


class IvrRunner:
    """Runs one flow on one call until it hangs up or is cancelled."""

    __slots__ = (
        "_company",
        "_fax_ear",
        "_hooks",
        "_ids",
        "_listener",
        "_media",
        "_player",
        "_port",
        "_prompts",
        "_signals",
        "_typed",
        "rests",
        "session",
    )

    def __init__(
        self,
        session: IvrSession,
        port: PortId,
        *,
        media: CallMedia,
        listener: Listener,
        prompts: Prompts,
        hooks: CallHooks,
        ids: Callable[[], int],
    ) -> None:
        self.session = session
        self._port = port
        self._media = media
        self._listener = listener
        self._prompts = prompts
        self._hooks = hooks
        self._ids = ids
        self._company = Company(port, media=media, prompts=prompts, hooks=hooks, ids=ids)
        self._fax_ear = FaxEar(port, media, wanted=bool(session.flow.fax))
        self._player = 0
        self._signals: Inbox[Signal] = Inbox()
        self._typed = ""
        """Keys pressed before anybody asked for them."""
        self.rests = False
        """An agent talks with the caller, and nobody runs us: ``go_on`` does from there."""

    def signal(self, happened: Signal) -> None:
        """Tell what happened on the call; one who rests is to hear nothing but what wakes him."""
        self._fax_ear.hears(happened)
        self._signals.put_nowait(happened)

    async def run(self, replay: Sequence[bytes] = (), *, in_queue: bool = False) -> None:
        """Run the flow to its end; ``replay`` brings it back to where it was.

        With ``in_queue`` the call is in the queue already that the flow asks for last.
        """
        await self._fax_ear.open()
        actions = self.session.start()
        for encoded in replay:
            actions = self.session.handle(_decoder.decode(encoded))
        await self._follow(actions, in_queue=in_queue)

    async def go_on(self) -> None:
        """Run the flow on to its end from where it rested, with what it is told first."""
        await self._follow(self._told(await self._flow_input()))

    async def _follow(self, actions: Sequence[FlowAction], *, in_queue: bool = False) -> None:
        while actions:
            given: FlowInput | None = None
            for action in actions:
                given = await self._perform(action, in_queue=in_queue)
                in_queue = False
                if given is not None or self.rests:
                    break
            if given is None:
                return
            actions = self._told(given)

    def _told(self, given: FlowInput) -> Sequence[FlowAction]:
        return told(self.session, self._hooks, given)

    @property
    def is_spare(self) -> bool:
        """Whether it rests and knows no more than its session: another one may go on with that."""
        return self.rests and not self._typed and not self.session.flow.fax

    # -- actions --------------------------------------------------------------------------

    async def _perform(self, action: FlowAction, *, in_queue: bool) -> FlowInput | None:
        match action:
            case Play() | Collect():
                talking = self._play(action) if isinstance(action, Play) else self._collect(action)
                given = await self._fax_ear.unless_heard(talking)
                if isinstance(given, FaxHeard):
                    await self._stop(self._player)
                return given
            case EnterQueue():
                return await self._queue(action, resumed=in_queue)
            case RecordMessage():
                return await self._record(action)
            case ReceiveFax():
                return await self._fax(action)
            case MailboxAction():
                self._typed = ""  # it may be a PIN, and no question may put that on record
                return await self._hooks.at_mailbox(action, self._signals)
            case Transfer():
                return await self._hooks.transfer(action) or await self._flow_input()
            case HangUp():
                await self._hooks.hang_up()
                return None

    async def _play(self, action: Play) -> FlowInput:
        player = await self._start(action.prompts, stop_on_digit=action.barge_in)
        while player:
            match await self._signals.get():
                case DigitDetected(key=key) if action.barge_in:
                    await self._stop(player)
                    return DigitsEntered(digits=key)
                case PlayFinished(player=finished) if finished == player:
                    break
                case other:
                    self._keep(other)
        self._hooks.playing(0)
        return Played()

    async def _collect(self, action: Collect) -> FlowInput:
        self._catch_up()
        digits = action.typed
        while self._typed and not _complete(action, digits):
            digits, self._typed = digits + self._typed[0], self._typed[1:]
        if _complete(action, digits):
            return _entered(action, digits)
        player = 0 if digits else await self._start(action.prompts, stop_on_digit=action.barge_in)
        if not action.phrases:
            deaf = Ears(self._listener, action, self.signal)
            return await self._await_choice(action, digits, player, deaf)
        async with self._ears(action) as ears:
            return await self._await_choice(action, digits, player, ears)

    async def _await_choice(
        self, action: Collect, digits: str, player: int, ears: "Ears"
    ) -> FlowInput:
        if not player:
            ears.open()
        while True:
            timeout = patience(action, digits, playing=bool(player), listening=ears.listening)
            try:
                signal = await self._signals.get_within(timeout)
            except TimeoutError:
                return _entered(action, digits) if digits else TimedOut()
            match signal:
                case DigitDetected(key=key):
                    if player and not action.barge_in:
                        self._keep(signal)
                        continue
                    await self._stop(player)
                    player = 0
                    ears.close()
                    digits += key
                    if _complete(action, digits):
                        return _entered(action, digits)
                case PlayFinished(player=finished) if player and finished == player:
                    player = 0
                    self._hooks.playing(0)
                    ears.open()
                case SpeechStarted() if player and action.barge_in and ears.usable:
                    await self._stop(player)
                    player = 0
                    ears.open(barged_in=True)
                case SpeechFinal() | TooLong() as said if not digits:
                    return Heard(
                        text=said.text, phrase=said.phrase, value=said.value, score=said.score
                    )
                case NoInput() if not digits:
                    return TimedOut()
                case MediaRestarted() if ears.usable:
                    log.warning("caller is not listened to any more, going on with keys")
                    ears.close()
                case EngineDown(reason=reason):
                    log.warning("no speech recognition, going on with keys", why=reason)
                    ears.fail()
                case other:
                    self._keep(other)

    async def _record(self, action: RecordMessage) -> FlowInput:
        if action.beep:
            beep = self._ids()
            await self._media.play_tone(self._port, beep, ((BEEP_HZ, 0.0),), ((BEEP_MS, 0),), 1)
            while not _is_end(await self._signals.get(), beep):
                pass
        recording = await self._hooks.record_message(action)
        give_up = action.max_s + RECORD_SPARE_S
        while True:
            try:
                signal = await self._signals.get_within(give_up)
            except TimeoutError:
                log.error("recording did not end by itself", recording=recording)
                await self._media.stop_record(recording)
                give_up = RECORD_SPARE_S
                continue
            match signal:
                case DigitDetected(key=key) if key in action.stop_keys:
                    await self._media.stop_record(recording)
                case RecordFinished(recording=finished) if finished == recording:
                    self._hooks.message_recorded(signal)
                    return Recorded(file=signal.path, duration_s=signal.duration_ms / 1000)
                case _:
                    pass

    async def _fax(self, action: ReceiveFax) -> FlowInput:
        number, file = await self._hooks.receive_fax(action)
        while True:
            ended = await self._signals.get()
            if isinstance(ended, FaxEnded) and ended.fax == number:
                break
        await self._hooks.fax_over(number)
        pages, station = ended.pages, ended.station
        if ended.code == FAX_OK:
            return FaxReceived(file=file, pages=pages, station=station)
        why = text_of(ended.code, language="en")
        return FaxFailed(reason=why, file=file, pages=pages, station=station)

    async def _queue(self, action: EnterQueue, *, resumed: bool) -> FlowInput | None:
        refused = self._hooks.enter_queue(action, resumed=resumed)
        if refused is not None:
            return refused
        await self._company.begin(action)
        try:
            while True:
                match await self._signals.get():
                    case DigitDetected(key=key) if key in action.exit_keys:
                        if self._hooks.leave_queue():
                            return QueueLeft(reason="key", key=key)
                    case DigitDetected(key=key) if key == action.callback_key:
                        if self._hooks.take_callback(action.callback_number):
                            return QueueLeft(reason="callback", key=key)
                        self.announce((no_callback(self.session.language),))
                    case FaxTone() if self._fax_ear.taken() and self._hooks.leave_queue():
                        return FaxHeard()
                    case AgentTalks():
                        break
                    case DigitDetected() | PlayFinished() | SpeechStarted():
                        pass
                    case Input() as answer:
                        return answer
                    case _:
                        pass
        finally:
            await self._company.end()
        # A conversation lasts: without a task that waits for its end it costs half as much.
        told = (each for each in self._signals.drained() if isinstance(each, Input))
        given = next(told, None)
        self.rests = given is None
        return given

    def announce(self, said: tuple[PromptText, ...]) -> None:
        """Let a caller who waits hear this."""
        self._company.announce(said)

    def agent_talks(self, *, on: bool) -> None:
        """Whether an agent talks with the caller: then nothing is played."""
        self._company.agent_talks(on=on)

    async def _flow_input(self) -> FlowInput:
        while True:
            signal = await self._signals.get()
            if isinstance(signal, Input):
                return signal

    # -- sound ----------------------------------------------------------------------------

    async def _start(self, prompts: Sequence[PromptText], *, stop_on_digit: bool) -> int:
        """Start playing; 0 when there is nothing to be heard."""
        files = await paths(self._prompts, prompts)
        if not files:
            return 0
        player = self._ids()
        self._hooks.playing(player)
        self._player = player
        await self._media.play(self._port, player, files, stop_on_digit=stop_on_digit)
        return player

    async def _stop(self, player: int) -> None:
        if player:
            await self._media.stop_play(player)
            self._hooks.playing(0)

    def _catch_up(self) -> None:
        """Take keys that came already; what else came belongs to a question of before."""
        while not self._signals.empty():
            self._keep(self._signals.get_nowait())

    def _keep(self, signal: Signal) -> None:
        if isinstance(signal, DigitDetected):
            self._typed = (self._typed + signal.key)[-MOST_TYPED:]

    @asynccontextmanager
    async def _ears(self, action: Collect) -> AsyncIterator["Ears"]:
        ears = Ears(self._listener, action, self.signal)
        try:
            ears.attach(await self._media.tap(self._port, rate=0))  # as wide as the leg is
            await self._media.arm_barge_in(self._port, action.barge_in)
        except LinkError as error:
            log.warning("cannot listen to the caller, going on with keys", why=str(error))
        try:
            yield ears
        finally:
            await ears.end()
            await self._media.arm_barge_in(self._port, on=False)
            await self._media.untap(self._port, rate=0)


def _complete(action: Collect, digits: str) -> bool:
    return bool(digits) and (
        len(digits) >= action.max_digits or (bool(action.end_key) and digits[-1] == action.end_key)
    )


def _entered(action: Collect, digits: str) -> DigitsEntered:
    return DigitsEntered(digits=digits.removesuffix(action.end_key) if action.end_key else digits)


def _is_end(signal: Signal, player: int) -> bool:
    return isinstance(signal, PlayFinished) and signal.player == player
