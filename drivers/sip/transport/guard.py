"""What stands before the parser: floods are dropped unread, scanners get silence, sources are banned.

Nothing here reads a clock. Sources that belong to a trunk or to a registered telephone are never
banned, because a datagram's source can be forged. What answers a request of ours always passes:
it is known by its branch, which nobody else can tell.
"""

import re
from collections.abc import Callable
from typing import Final

from drivers.sip.core.services import BRANCH
from drivers.sip.finished.transactions import client_key
from drivers.sip.transport.bans import Bans

SOURCES_KEPT: Final = 4096
REFUSED_KEPT: Final = 8192  # half of the refused INVITEs that are remembered at most
REFUSED_S: Final = 32.0  # s: 64 times T1; nobody repeats an INVITE for longer
AT_ONCE: Final = 1_000_000  # offences that are a ban whatever the limit

_RESPONSE: Final = b"SIP/2.0 "
_BRANCH: Final = re.compile(rb"(?i);\s*branch=([^;,\s]+)")
_OUR_BRANCH: Final = b";branch=z9hG4bK"
_CSEQ: Final = b"\r\nCSeq: "
_METHOD: Final = re.compile(rb"(?i)\ncseq\s*:\s*[0-9]+\s+([A-Z]+)")
_USER_AGENT: Final = b"\nuser-agent:"
SCANNERS: Final = (
    b"friendly-scanner",
    b"friendly-request",
    b"sipvicious",
    b"siparmyknife",
    b"sivus",
    b"vaxipuseragent",
    b"sipcli",
    b"sip-scan",
    b"sipscan",
    b"sundayddr",
    b"vaxsipuseragent",
    b"pplsip",
    b"smap",
    b"iwar",
)
"""What scanners call themselves in User-Agent, in lower case."""
NAMED_ANYWHERE: Final = (b"friendly-scanner", b"sipvicious")
"""Those that also show in From, To or Call-ID."""


class FloodGuard:
    """A token bucket for each source address; what does not fit is dropped unread."""

    def __init__(self, rate_of: Callable[[str], float], *, burst: int) -> None:
        self._rate_of = rate_of
        self._burst = float(burst)
        self._buckets: dict[str, tuple[float, float]] = {}
        self.free: set[str] = set()
        """Sources without a limit, as far as they were seen."""
        self.dropped = 0

    def is_free(self, host: str) -> bool:
        """Whether a source has no limit."""
        if host in self.free:
            return True
        if self._rate_of(host) > 0:
            return False
        if len(self.free) < SOURCES_KEPT:
            self.free.add(host)
        return True

    def allows(self, host: str, now: float) -> bool:
        """Take one message from ``host``; False when it sends too many."""
        if self.is_free(host):
            return True
        rate = self._rate_of(host)
        tokens, last = self._buckets.pop(host, (self._burst, now))
        tokens = min(self._burst, tokens + (now - last) * rate)
        allowed = tokens >= 1.0
        if not allowed:
            self.dropped += 1
        elif len(self._buckets) >= SOURCES_KEPT:
            # The one silent for longest has most likely filled up again.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[host] = (tokens - 1.0 if allowed else tokens, now)
        return allowed


class CallLimit:
    """How many new calls are taken; a token bucket of a fifth of a second.

    Who is refused leaves no transaction, so his INVITE is remembered for a while: a repetition
    that crossed our 503 must not be taken as a call that its caller has given up (RFC 3261 8.2.7).
    """

    def __init__(self, per_s: float) -> None:
        self._rate = per_s
        self._burst = max(per_s / 5, 1.0)
        self._tokens = self._burst
        self._last = 0.0
        self._refused: set[int] = set()
        self._refused_before: set[int] = set()
        self._since = 0.0

    def takes(self, key: str, now: float) -> bool:
        """Take the call whose INVITE has this key; False when there are too many, or were then."""
        if self._rate <= 0:
            return True
        number = hash(key)
        if number in self._refused or number in self._refused_before:
            return False
        if self._has_room(now):
            return True
        if len(self._refused) >= REFUSED_KEPT or now - self._since > REFUSED_S:
            self._refused_before, self._refused = self._refused, set()
            self._since = now
        self._refused.add(number)
        return False

    def _has_room(self, now: float) -> bool:
        elapsed = max(now - self._last, 0.0)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._last = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Guard:
    """Decides on each message before it is parsed."""

    def __init__(
        self,
        flood: FloodGuard,
        bans: Bans,
        *,
        is_trunk: Callable[[str], bool],
        count: Callable[[str], None],
        banned: Callable[[str, str], None],
        awaits: Callable[[str], bool],
    ) -> None:
        self.flood = flood
        self.bans = bans
        self._awaits = awaits
        self._is_trunk = is_trunk
        self._trusted: set[str] = set()
        self._count = count
        self._banned = banned

    def admits(self, host: str, now: float) -> bool:
        """Whether a source may connect or send at all."""
        if self.bans.is_banned(host, now):
            self._count("banned_dropped")
            return False
        return True

    def passes(self, data: bytes, host: str, now: float) -> bool:
        """Whether a message goes on to the parser; if not, nobody answers it."""
        if host in self._trusted:
            return True
        if self._is_trunk(host):
            if not self.flood.is_free(host):
                return self._is_awaited(data) or self.flood.allows(host, now)
            if len(self._trusted) < SOURCES_KEPT:
                self._trusted.add(host)  # neither ban nor limit can ever concern it
            return True
        if self._is_awaited(data):
            return True
        if not self.admits(host, now) or not self.flood.allows(host, now):
            return False
        if is_scanner(data):
            self._count("scanner_dropped")
            self.blame(host, now, "scanner", offences=AT_ONCE)
            return False
        return True

    def _is_awaited(self, data: bytes) -> bool:
        """Whether it answers an open request of ours: we asked for it, however many there are."""
        if not data.startswith(_RESPONSE):
            return False
        # As we write it ourselves first: most peers give our Via back unchanged.
        at, line = data.find(_OUR_BRANCH) + 8, data.find(_CSEQ) + 8
        if at >= 8 and line >= 8:
            branch = data[at : at + BRANCH].decode("latin-1")
            method = data[data.find(b" ", line) + 1 : data.find(b"\r", line)].decode("latin-1")
            if self._awaits(client_key(branch, method)):
                return True
        found, named = _BRANCH.search(data), _METHOD.search(data)
        if found is None or named is None:
            return False
        return self._awaits(client_key(found[1].decode("latin-1"), named[1].decode()))

    def blame(self, host: str, now: float, reason: str, *, offences: int = 1) -> None:
        """Count an offence of a source: wrong password, garbage, calls without a right."""
        if self._is_trunk(host):
            return
        if self.bans.blame(host, now, offences=offences, reason=reason):
            self._count("sources_banned")
            self._banned(host, reason)


def is_scanner(data: bytes) -> bool:
    """Whether the head names a program that looks for open exchanges."""
    head = data.partition(b"\r\n\r\n")[0].lower()
    if any(name in head for name in NAMED_ANYWHERE):
        return True
    start = head.find(_USER_AGENT)
    if start < 0:
        return False
    line = head[start + len(_USER_AGENT) : head.find(b"\n", start + 1) % (len(head) + 1)].strip()
    return line.startswith(SCANNERS)
