"""What a flow is told while it runs; each answers an action it asked for."""

from typing import Final

import msgspec


class Input(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of everything a flow is told."""


class Played(Input, frozen=True, kw_only=True):
    """All prompts of a Play were heard to the end."""


class DigitsEntered(Input, frozen=True, kw_only=True):
    """The caller pressed keys, as the Collect's rules delimit them."""

    digits: str
    """0-9, * and #, without the end key."""


class Heard(Input, frozen=True, kw_only=True):
    """The caller spoke."""

    text: str
    """Everything that was understood."""
    phrase: str = ""
    """The phrase of the grammar that it matches; empty when none does."""
    value: str = ""
    """What that phrase stands for."""
    score: float = 0.0
    """0 to 1."""


class TimedOut(Input, frozen=True, kw_only=True):
    """The caller neither pressed a key nor spoke in time."""


class Recorded(Input, frozen=True, kw_only=True):
    """A message was recorded."""

    file: str
    """Path relative to the site."""
    duration_s: float


class FaxHeard(Input, frozen=True, kw_only=True):
    """The caller is a fax machine: it goes on at the flow's node for faxes."""


class FaxReceived(Input, frozen=True, kw_only=True):
    """A fax came through."""

    file: str
    """TIFF file, relative to the site; the PDF lies beside it."""
    pages: int
    station: str = ""
    """Identification of the sender's machine, as it says."""


class FaxFailed(Input, frozen=True, kw_only=True):
    """A fax did not come through; whole pages that came are in the file."""

    reason: str
    file: str = ""
    pages: int = 0
    station: str = ""


class MailboxOpened(Input, frozen=True, kw_only=True):
    """The caller may hear this mailbox."""

    mailbox: str


class MailboxRefused(Input, frozen=True, kw_only=True):
    """The caller may not."""

    reason: str
    """``wrong`` (mailbox or PIN), ``limited`` (too many attempts) or ``silent``."""


class MessagesHeard(Input, frozen=True, kw_only=True):
    """The caller is done with the messages."""

    new: int = 0
    """That nobody has heard yet."""
    left: int = 0
    """In the mailbox."""


class QueueLeft(Input, frozen=True, kw_only=True):
    """The call came back from a queue without having been answered."""

    reason: str
    """``timed_out``, ``refused``, ``no_agents``, ``closed``, ``key`` or ``callback``.

    With ``callback`` his place is kept, and he will be called.
    """
    key: str = ""
    """The key that the caller pressed to leave."""


class Finished(Input, frozen=True, kw_only=True):
    """What the flow handed the call to (agent, transfer target) is done, the caller stays."""


class TransferFailed(Input, frozen=True, kw_only=True):
    """The target of a transfer did not take the call."""

    reason: str = ""


class CallerLeft(Input, frozen=True, kw_only=True):
    """The caller hung up."""


FlowInput = (
    Played
    | DigitsEntered
    | Heard
    | TimedOut
    | Recorded
    | FaxHeard
    | FaxReceived
    | FaxFailed
    | MailboxOpened
    | MailboxRefused
    | MessagesHeard
    | QueueLeft
    | Finished
    | TransferFailed
    | CallerLeft
)

KEYS: Final = "0123456789*#"
