"""What is left of a transaction that only absorbs repetitions (RFC 3261 17, RFC 6026).

After its last message of note a machine waits for up to half a minute, in timers D, I, J, K and L,
for messages that come again. Then it is no machine any more: its key leads to what answers them,
which most transactions share, and keys of one moment share a deadline.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import Message
from drivers.sip.core.timers import Timers
from drivers.sip.machines import State
from drivers.sip.transport.address import Address

GRAIN: Final = 0.25  # s; deadlines closer together than this share one
_OF_ACK: Final = (
    *(b"Via: ", b"Max-Forwards: ", b"From: ", b"Call-ID: ", b"Route: "),
    *(b"Authorization: ", b"Proxy-Authorization: "),
)
_ANYWHERE: Final = Address("", 0)


class Finished:
    """How a repetition is answered; two transactions that answer alike are one of these."""

    __slots__ = ("address", "data", "state", "status", "tag")

    def __init__(
        self,
        state: State,
        data: bytes = b"",
        address: Address = _ANYWHERE,
        *,
        status: int = 0,
        tag: str = "",
    ) -> None:
        self.state = state
        self.data = data
        """The response, or the ACK, to be sent again; empty: nothing is."""
        self.address = address
        self.status = status
        """The response has no more in it than this and what the request itself says, and is
        written anew for each repetition."""
        self.tag = tag
        """To tag of the 2xx that ``data`` acknowledges."""


class Finishing:
    """Keys in order of their deadlines, all after the same delay."""

    __slots__ = ("_delay", "_forget", "_moments", "_timers", "timers")

    def __init__(
        self, timers: Timers, delay: float, forget: Callable[[list[str], list[int]], None]
    ) -> None:
        self.timers: dict[int, float] = {}
        self._timers = timers
        self._delay = delay
        self._forget = forget
        self._moments: deque[_Moment] = deque()

    def add(self, key: str, merge: int) -> None:
        """Forget ``key``, and with it ``merge`` unless that is 0, when the delay is over."""
        when = self._timers.now + self._delay
        moments = self._moments
        if not moments or not moments[-1].first <= when < moments[-1].first + GRAIN:
            moments.append(_Moment(when))
            if len(moments) == 1:
                self._timers.start(self, 0, self._delay)
        last = moments[-1]
        last.until = when
        last.keys.append(key)
        if merge:
            last.merges.append(merge)

    def timer_fired(self, timer: int) -> None:
        """Forget what is due, and wait for what comes next."""
        moments, now = self._moments, self._timers.now
        while moments and moments[0].until <= now:
            due = moments.popleft()
            self._forget(due.keys, due.merges)
        if moments:
            self._timers.start(self, 0, moments[0].until - now)


class _Moment:
    """Keys whose deadlines are all but one."""

    __slots__ = ("first", "keys", "merges", "until")

    def __init__(self, when: float) -> None:
        self.first = when
        self.until = when
        self.keys: list[str] = []
        self.merges: list[int] = []


def refusal_ack(invite: bytes, to: str) -> bytes:
    """The ACK of a refusal: lines of our INVITE with the To of the response (17.1.1.3)."""
    start, *lines = invite.partition(b"\r\n\r\n")[0].split(b"\r\n")
    found = [b"ACK" + start.removeprefix(b"INVITE")]
    for line in lines:
        if line.startswith(b"To: "):
            found.append(b"To: " + to.encode("utf-8", "surrogateescape"))
        elif line.startswith(b"CSeq: "):
            found.append(line.removesuffix(b"INVITE") + b"ACK")
        elif line.startswith(_OF_ACK):
            found.append(line)
    return b"\r\n".join([*found, b"Content-Length: 0\r\n\r\n"])


def client_key(branch: str, method: str) -> str:
    """Which of our requests a response belongs to (17.1.3)."""
    return f"{branch} {method}"


def unheard(known: Finished, message: Message) -> None:
    """Who settles no INVITE is told of no repeated 2xx."""
