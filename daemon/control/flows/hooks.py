"""What a flow needs of its surroundings: media, a listener, and the call itself."""

from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Protocol

import msgspec

from daemon.control.flows.inbox import Inbox
from daemon.fax.messages import FaxEnded
from daemon.link.messages import MediaEvent, RecordFinished
from drivers.api import PortId
from ivr.actions import EnterQueue, FlowAction, MailboxAction, ReceiveFax, RecordMessage, Transfer
from ivr.inputs import FlowInput
from ivr.interpreter import IvrSession
from speech.api import Grammar, Limits, SpeechEvent

_encoder = msgspec.msgpack.Encoder()


class AgentTalks(msgspec.Struct, frozen=True):
    """Caller and agent are joined: nothing but a ``FlowInput`` concerns the flow from now on."""


Signal = MediaEvent | SpeechEvent | FlowInput | FaxEnded | AgentTalks
"""What a running flow is told about its call."""
Replay = tuple[bytes, ...]
"""What it was told before control ended, encoded."""
Signals = Inbox[Signal]
"""What it has been told and has not read yet."""


class TapFds(Protocol):
    """The two descriptors of a tap."""

    @property
    def memfd(self) -> int:
        """The ring of samples."""

    @property
    def eventfd(self) -> int:
        """Counts up whenever there is more to read."""


class CallMedia(Protocol):
    """The part of the link to media that a flow needs."""

    def play(
        self,
        port: PortId,
        player: int,
        files: Sequence[str],
        *,
        repeat: int = 1,
        gain_db: float = 0.0,
        stop_on_digit: bool = False,
        start_ms: int = 0,
        speed: float = 1.0,
        in_step: bool = False,
    ) -> Awaitable[None]: ...
    def seek_play(self, player: int, ms: int, *, relative: bool = False) -> Awaitable[None]: ...
    def set_speed(self, player: int, speed: float) -> Awaitable[None]: ...
    def play_tone(
        self,
        port: PortId,
        player: int,
        frequencies: Sequence[tuple[float, float]],
        cadence_ms: Sequence[tuple[int, int]],
        repeat: int = 0,
    ) -> Awaitable[None]: ...
    def stop_play(self, player: int) -> Awaitable[None]: ...
    def stop_record(self, recording: int) -> Awaitable[None]: ...
    def arm_barge_in(self, port: PortId, on: bool) -> Awaitable[None]: ...  # noqa: FBT001
    def watch_fax(self, port: PortId, *, on: bool) -> Awaitable[None]: ...
    def tap(self, port: PortId, *, rate: int = 8000) -> Awaitable[TapFds]: ...
    def untap(self, port: PortId, *, rate: int = 8000) -> Awaitable[None]: ...


class Listener(Protocol):
    """The part of the speech client that a flow needs."""

    def listen(
        self, memfd: int, eventfd: int, grammar: Grammar, language: str, limits: Limits
    ) -> AsyncGenerator[SpeechEvent, None]: ...


class CallHooks(Protocol):
    """What only the call itself can do."""

    def flow_told(self, given: FlowInput, encoded: bytes) -> None:
        """Keep what the flow was told, so that it can be replayed."""

    def playing(self, player: int) -> None:
        """Remember what the caller hears; 0 for nothing."""

    def enter_queue(self, action: EnterQueue, *, resumed: bool) -> FlowInput | None:
        """Put the call into a queue, or find it there; an input when it was not let in."""

    def music(self) -> str:
        """Name of the music of the queue that the call waits in; empty: the site's."""

    def leave_queue(self) -> bool:
        """Take the call out of the queue by the caller's wish; False when it is too late."""

    def take_callback(self, number: str) -> bool:
        """Keep the caller's place and call him when his turn comes; False when it cannot be."""

    async def record_message(self, action: RecordMessage) -> int:
        """Start recording the caller; returns the recording's id."""

    def message_recorded(self, recorded: RecordFinished) -> None:
        """A message is complete."""

    async def at_mailbox(self, action: MailboxAction, signals: Signals) -> FlowInput:
        """Let the caller into a mailbox, or hear what is in it; he does both with keys."""

    async def receive_fax(self, action: ReceiveFax) -> tuple[int, str]:
        """Let a fax come in: its number and file; its end is told as ``FaxEnded``."""

    async def fax_over(self, fax: int) -> None:
        """Take the caller away from a fax terminal that is done."""

    async def transfer(self, action: Transfer) -> FlowInput | None:
        """Connect the caller with a number; an input when it failed at once."""

    async def hang_up(self) -> None:
        """End the call."""


def told(session: IvrSession, hooks: CallHooks, given: FlowInput) -> Sequence[FlowAction]:
    """Tell a flow something, which the call keeps first; what the flow asks for then."""
    hooks.flow_told(given, _encoder.encode(given))
    return session.handle(given)
