"""Which dialog a Replaces header names (RFC 3891), and whether it may be taken over."""

from typing import Final
from urllib.parse import quote

import msgspec

from cython_ext.sip_wire import Message, WireError
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.calls import Calls
from drivers.sip.journal.records import Peer

_EARLY: Final = frozenset({CallState.CALLING, CallState.PROCEEDING})


class Replaces(msgspec.Struct, frozen=True):
    """A Replaces header; the tags are as its receiver sees them."""

    call_id: str
    to_tag: str
    """The receiver's own tag."""
    from_tag: str
    early_only: bool
    text: str
    """As written."""

    @classmethod
    def of(cls, call_id: str, *, to_tag: str, from_tag: str) -> "Replaces":
        """The header that names a dialog."""
        text = f"{call_id};to-tag={to_tag};from-tag={from_tag}"
        return cls(call_id, to_tag, from_tag, False, text)

    def escaped(self) -> str:
        """As a header within a URI (RFC 3261 19.1.1)."""
        return quote(self.text, safe="-_.!~*'()")


class Refused(Exception):
    """The dialog cannot be taken over; ``status`` is the response that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def parse_replaces(text: str) -> Replaces:
    """Read a Replaces header; WireError when it is none."""
    call_id, _, rest = text.strip().partition(";")
    tags: dict[str, str] = {}
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if name in tags and name.endswith("-tag"):
            raise WireError("Replaces: tag twice")
        tags[name] = value.strip()
    if not call_id.strip() or not tags.get("to-tag") or not tags.get("from-tag"):
        raise WireError("Replaces: dialog not named")
    if not text.isascii() or not text.isprintable():
        raise WireError("Replaces: unusable character")
    return Replaces(
        call_id.strip(), tags["to-tag"], tags["from-tag"], "early-only" in tags, text.strip()
    )


def replaced_call(calls: Calls, message: Message, peer: Peer) -> Call | None:
    """The call that an INVITE takes over; None without Replaces, Refused when it may not (3)."""
    values = message.headers("Replaces")
    if not values:
        return None
    if len(values) > 1:
        raise Refused(400)
    try:
        named = parse_replaces(values[0])
    except WireError:
        raise Refused(400) from None
    call = calls.find(named.call_id, named.to_tag)
    theirs = named.from_tag
    if call is None:
        # Who picks up what a lamp shows (RFC 4235) may name it as the watched telephone sees it.
        call, theirs = calls.find(named.call_id, named.from_tag), named.to_tag
    if call is None or not _is_peer(call, theirs):
        raise Refused(481)
    if not peer.is_station and peer.name != call.peer.name:
        raise Refused(403)  # another carrier has no business with this call
    if call.state in _EARLY:
        return call
    if call.state is CallState.CONFIRMED and call.reinvite is None and not call.ok:
        if named.early_only:
            raise Refused(486)
        return call
    if call.state is CallState.CONFIRMED:
        raise Refused(491)
    # Early dialogs we did not begin are not ours to give away; the others are over.
    raise Refused(481 if call.state in (CallState.OFFERED, CallState.ACCEPTED) else 603)


def _is_peer(call: Call, tag: str) -> bool:
    if call.dialog is not None:
        return call.dialog.remote_tag == tag
    # Its phones ring under tags of their own, of which we keep only those that matter. Our own
    # tag, which nobody guesses, has named the call already.
    return not call.inbound
