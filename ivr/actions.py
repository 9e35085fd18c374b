"""What a flow asks for; control performs it and answers with an input.

| action | answered by |
|---|---|
| Play | Played (or DigitsEntered when keys may interrupt it) |
| Collect | DigitsEntered, Heard or TimedOut |
| RecordMessage | Recorded |
| ReceiveFax | FaxReceived or FaxFailed |
| OpenMailbox | MailboxOpened or MailboxRefused |
| HearMessages | MessagesHeard |
| EnterQueue | QueueLeft, or Finished when the agent hung up and the caller stays |
| Transfer | TransferFailed, or Finished |
| HangUp | nothing |

CallerLeft may come at any time.
"""

import msgspec


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be heard: a text to be spoken, or an uploaded file."""

    text: str = ""
    """With every variable filled in; empty for a file."""
    file: str = ""
    """Name below the site's ``prompts/``, without ending; empty for a text."""
    language: str = "en"


class Action(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of everything a flow asks for; ``node`` is the node that asks."""

    node: str


class Play(Action, frozen=True, kw_only=True):
    """Let the caller hear prompts, one after the other."""

    prompts: tuple[Speech, ...]
    barge_in: bool = False
    """A key ends it at once and is told as DigitsEntered.

    The flow keeps that key for its next question; control forgets it.
    """


class Collect(Action, frozen=True, kw_only=True):
    """Play prompts, then wait for keys or a spoken phrase, whichever comes first.

    Where speech is not available only keys are told; the flow need not know.
    """

    prompts: tuple[Speech, ...]
    language: str
    max_digits: int = 1
    """Told as soon as so many keys came."""
    end_key: str = ""
    """Ends the entry early; not part of the digits. Empty for none."""
    phrases: dict[str, str] = {}
    """Phrase -> value; the grammar. Empty: listen for keys only."""
    first_timeout_s: float = 5.0
    """From the end of the prompts to the first key or word."""
    between_timeout_s: float = 3.0
    """Between keys; then what came is told."""
    barge_in: bool = True
    """A key or speech ends the prompts."""
    typed: str = ""
    """Keys already pressed: the entry begins with them, and the prompts are not played."""


class RecordMessage(Action, frozen=True, kw_only=True):
    """Record what the caller says, as a message for a mailbox."""

    mailbox: str
    beep: bool = True
    max_s: float = 120.0
    silence_s: float = 4.0
    """Silence that ends the message."""
    stop_keys: str = "#"


class ReceiveFax(Action, frozen=True, kw_only=True):
    """Let the caller's fax machine send its pages to a mailbox."""

    mailbox: str
    station: str = ""
    """Our identification, shown on the sender's machine."""


class MailboxAction(Action, frozen=True, kw_only=True):
    """Base of what concerns the messages in a mailbox."""

    mailbox: str
    language: str


class OpenMailbox(MailboxAction, frozen=True, kw_only=True):
    """Find out whether the caller may hear a mailbox; a PIN is asked for where it is needed.

    Keys of a PIN are told to nobody, so that they are neither journaled nor on record.
    """

    always_pin: bool = False
    """The station of the mailbox needs its PIN, too."""


class HearMessages(MailboxAction, frozen=True, kw_only=True):
    """Let the caller hear the messages of a mailbox that is open to him."""


class EnterQueue(Action, frozen=True, kw_only=True):
    """Let the call wait in a queue for an agent."""

    queue: str
    """The queue's slug."""
    priority: int = 0
    skills: dict[str, int] = {}
    """Slug of a skill -> level, needed beyond those of the queue."""
    last_agent_s: float = 0.0
    """Wait so long for the agent who served this caller last; 0: do not."""
    exit_keys: str = ""
    """Keys with which the caller leaves the queue."""
    callback_key: str = ""
    """Key with which the caller wants to be called and hangs up; empty takes no call-backs."""
    callback_number: str = ""
    """Where he is called then."""
    waiting: tuple[Speech, ...] = ()
    """Said again and again while he waits."""
    repeat_s: float = 30.0
    """Time from one such announcement to the next."""


class Transfer(Action, frozen=True, kw_only=True):
    """Connect the caller with a number or a station."""

    to: str
    timeout_s: float = 30.0


class HangUp(Action, frozen=True, kw_only=True):
    """End the call; the flow is over."""


FlowAction = (
    Play
    | Collect
    | RecordMessage
    | ReceiveFax
    | OpenMailbox
    | HearMessages
    | EnterQueue
    | Transfer
    | HangUp
)
