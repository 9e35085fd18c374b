"""The last messages that passed, kept within bounds, and the ladder of one call drawn from them.

Kept are the bytes as they were; they are read only when somebody looks. What is shown has
stars for secrets (``sight/masking.py``).
"""

from collections import deque
from collections.abc import Iterable, Sequence

from cython_ext.sip_wire import Message, WireError, format_host, parse
from drivers.api import LadderStep
from drivers.sip.sight.masking import readable

SHOWN_MOST = 400
"""Steps of one ladder; the latest ones when there are more."""

# Plain values only: the garbage collector then has nothing to look after in them.
Kept = tuple[float, bool, str, int, str, bytes]
"""Epoch seconds, whether it left; the peer's host, port, transport; bytes."""


class MessageLog:
    """Messages in the order in which they passed; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self._kept: deque[Kept] = deque(maxlen=most)
        self.keep = self._kept.append
        """Keep one: epoch seconds, whether it left; the peer's host, port, transport; bytes."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def last(self) -> Kept | None:
        """The message that passed last."""
        return self._kept[-1] if self._kept else None

    def all(self) -> list[Kept]:
        """Every message that is kept, oldest first."""
        return list(self._kept)

    def after(self, last: Kept | None) -> tuple[list[Kept], bool]:
        """Those that passed after one of them, oldest first; False when it is kept no more.

        Without one: all that are kept.
        """
        fresh: list[Kept] = []
        for one in reversed(self._kept):
            if one is last:
                return fresh[::-1], True
            fresh.append(one)
        return fresh[::-1], last is None

    def ladder(self, names: Iterable[str]) -> list[LadderStep]:
        """The messages of every call that one of these names: Call-IDs, or numbers of parties."""
        wanted = {name for name in names if name}
        if not wanted:
            return []
        texts = [name.encode() for name in wanted]
        refs: set[str] = set(wanted)
        for *_, data in self._kept:
            # A look at the bytes first: few of many thousand messages need to be read.
            if any(text in data for text in texts):
                message = _read(data)
                if message is not None and not wanted.isdisjoint(_parties(message)):
                    refs.add(message.call_id)
        found: list[LadderStep] = []
        keys = [ref.encode() for ref in refs]
        for when, out, host, port, transport, data in self._kept:
            if any(key in data for key in keys):
                message = _read(data)
                if message is not None and message.call_id in refs:
                    peer = f"{transport} {format_host(host, port)}"
                    found.append(_step(when, peer, message, data, out=out))
        return found[-SHOWN_MOST:]


def _read(data: bytes) -> Message | None:
    try:
        return parse(data)
    except WireError:
        return None


def _parties(message: Message) -> Sequence[str]:
    if not message.is_request or message.method != "INVITE":
        return ()
    found = []
    for value in (message.uri, message.header("From") or "", message.header("To") or ""):
        rest = value.partition("sip:")[2] or value.partition("sips:")[2]
        found.append(rest.partition("@")[0].partition(";")[0])
    return found


def _step(when: float, peer: str, message: Message, data: bytes, *, out: bool) -> LadderStep:
    cseq = message.cseq
    answer = f"{message.status} {message.reason}".strip()
    title = message.method if message.is_request else answer
    notes = [f"{cseq.number} {cseq.method}"]
    if message.body:
        kind = (message.header("Content-Type") or "").partition(";")[0].strip()
        notes.append("SDP" if kind == "application/sdp" else kind or "body")
    for name in ("Reason", "RSeq", "RAck", "Refer-To", "Replaces", "Event", "Retry-After"):
        value = message.header(name)
        if value is not None:
            notes.append(f"{name}: {value}")
    return LadderStep(
        at=when,
        out=out,
        peer=peer,
        ref=message.call_id,
        title=title,
        notes=", ".join(note for note in notes if note.isprintable()),
        text=readable(data),
    )
