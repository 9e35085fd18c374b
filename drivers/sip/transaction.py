"""Transactions of RFC 3261 section 17 with the corrections of RFC 6026.

Nothing here reads a clock or a socket. After its final response a server transaction keeps
only its key and the bytes it may have to repeat.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from cython_ext.sip_wire import Message
from drivers.sip.core.timers import Timers
from drivers.sip.machines import (
    ABSORBING,
    CLIENT,
    CROSSING,
    INVITE_CLIENT,
    INVITE_SERVER,
    REPEATING,
    SERVER,
    Action,
    Input,
    Machine,
    State,
)
from drivers.sip.options import TimerOptions
from drivers.sip.transport.address import Address

_OF_ACK: Final = (
    *(b"Via: ", b"Max-Forwards: ", b"From: ", b"Call-ID: ", b"Route: "),
    *(b"Authorization: ", b"Proxy-Authorization: "),
)
LARGE: Final = 1300  # bytes; RFC 3261 18.1.1: larger requests need congestion control
ServerKey = tuple[str, ...]  # branch, sent-by, method; for RFC 2543 peers as in 17.2.3
MergeKey = tuple[str, str, str]
"""From tag, Call-ID and CSeq of a request outside a dialog (RFC 3261 8.2.2.2)."""


class ClientUser(Protocol):
    """Who sent a request and wants to know what became of it."""

    def response(self, transaction: "ClientTransaction", message: Message) -> None: ...
    def timed_out(self, transaction: "ClientTransaction") -> None: ...


class Transactions:
    """Every open transaction; finds the one a message belongs to and steps it."""

    def __init__(
        self,
        timing: TimerOptions,
        timers: Timers,
        *,
        send: Callable[[bytes, Address], None],
        count: Callable[[str], None],
    ) -> None:
        self.timers = timers
        self.send = send
        self.count = count
        self.servers: dict[ServerKey, ServerTransaction] = {}
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.merges: dict[MergeKey, ServerKey] = {}
        self.large_by_tcp = False
        """Whether requests over ``LARGE`` bytes go by TCP instead of UDP."""
        t1 = self.t1 = timing.t1
        self.t2 = timing.t2
        self.delays: dict[Input, float] = {
            **dict.fromkeys(REPEATING, t1),
            **dict.fromkeys((Input.TIMER_B, Input.TIMER_F, Input.TIMER_H), 64 * t1),
            **dict.fromkeys((Input.TIMER_J, Input.TIMER_L, Input.TIMER_M), 64 * t1),
            **dict.fromkeys((Input.TIMER_I, Input.TIMER_K), timing.t4),
            Input.TIMER_D: max(32.0, 64 * t1),
        }
        timers.often(0.0, *self.delays.values())

    def open_server(
        self, key: ServerKey, address: Address, *, invite: bool, merge: MergeKey | None
    ) -> "ServerTransaction":
        """Begin the transaction of a new request; ``merge`` for requests without a To tag."""
        transaction = ServerTransaction(self, key, address, invite=invite, merge=merge)
        self.servers[key] = transaction
        if merge is not None:
            self.merges.setdefault(merge, key)
        return transaction

    def restore_accepted(self, key: ServerKey, address: Address) -> None:
        """Begin again the transaction of an INVITE that had its 2xx before a restart."""
        transaction = self.open_server(key, address, invite=True, merge=None)
        transaction.step(Input.SUCCESS)

    def is_merged(self, key: ServerKey, merge: MergeKey) -> bool:
        """Whether the same request is already here over another path (8.2.2.2)."""
        return self.merges.get(merge, key) != key

    def open_client(
        self,
        key: tuple[str, str],
        request: bytes,
        address: Address,
        *,
        user: ClientUser,
        invite: bool = False,
    ) -> "ClientTransaction":
        """Send a request; an ``invite`` acknowledges its refusal itself (17.1.1.3)."""
        moved = self.large_by_tcp and len(request) > LARGE and not address.reliable
        if moved:
            self.count("moved_to_tcp")
            address = Address(address.host, address.port, "tcp")
        transaction = ClientTransaction(self, key, request, address, user=user, invite=invite)
        transaction.moved = moved
        self.clients[key] = transaction
        transaction.begin()
        return transaction

    def restore_invite(
        self, key: tuple[str, str], request: bytes, address: Address, *, user: ClientUser
    ) -> "ClientTransaction":
        """Take up an INVITE that was sent before a restart; it is not sent again."""
        transaction = ClientTransaction(self, key, request, address, user=user, invite=True)
        transaction.state = State.PROCEEDING
        self.clients[key] = transaction
        return transaction

    def unreachable(self, address: Address) -> None:
        """No connection to ``address`` is to be had: its requests fail now (17.1.4)."""
        for transaction in list(self.clients.values()):
            if transaction.address == address:
                transaction.not_sent()


class _Transaction(ABC):
    """What the four machines share: the step through a table and its timers."""

    __slots__ = ("address", "interval", "kept", "layer", "machine", "state", "timers")

    def __init__(self, layer: Transactions, machine: Machine, address: Address) -> None:
        self.layer = layer
        self.machine = machine
        self.address = address
        self.state = machine.first
        self.kept = b""
        self.timers: dict[int, float] = {}
        self.interval = layer.t1

    def timer_fired(self, timer: int) -> None:
        """Take the step of a timer that ran out."""
        self.step(Input(timer))

    def step(self, happened: Input, data: bytes = b"", message: Message | None = None) -> bool:
        """Take one step; False when the table has none, which is counted and ignored."""
        found = self.machine.steps.get((self.state, happened))
        if found is None:
            self.layer.count("transaction_unexpected")
            return False
        state, actions, timers = found
        if state is not self.state:
            self.state = state
            running = self.timers
            self.timers = {}
            if state is State.PROCEEDING:
                self.timers |= {t: w for t, w in running.items() if t in CROSSING}
        for timer in timers:
            self._start(timer)
        for action in actions:
            self._act(action, data, message)
        if state is State.TERMINATED:
            self.forget()
        return True

    def _start(self, timer: Input) -> None:
        layer = self.layer
        delay = layer.delays[timer]
        if self.address.transport != "udp":
            if timer in REPEATING:
                return
            if timer in ABSORBING:
                delay = 0.0
        elif timer in REPEATING:
            delay, self.interval = self.interval, self.interval * 2
            if timer is not Input.TIMER_A:
                self.interval = min(self.interval, layer.t2)
                if self.machine is CLIENT and self.state is State.PROCEEDING:
                    delay = layer.t2  # 17.1.2.2: E runs at T2 once a 1xx came
        layer.timers.start(self, timer, delay)

    @abstractmethod
    def _act(self, action: Action, data: bytes, message: Message | None) -> None: ...

    @abstractmethod
    def forget(self) -> None:
        """Take the transaction out of the layer."""


class ServerTransaction(_Transaction):
    """A request that was received, until its responses need no repetition any more."""

    __slots__ = ("key", "merge")

    def __init__(
        self,
        layer: Transactions,
        key: ServerKey,
        address: Address,
        *,
        invite: bool,
        merge: MergeKey | None,
    ) -> None:
        super().__init__(layer, INVITE_SERVER if invite else SERVER, address)
        self.key = key
        self.merge = merge

    def respond(self, status: int, response: bytes) -> bool:
        """Send a response; False when a final one has left already."""
        if status < 200:
            return self.step(Input.PROVISIONAL, response)
        return self.step(Input.SUCCESS if status < 300 else Input.FAILURE, response)

    def forget(self) -> None:
        """Take the transaction out of the layer."""
        layer = self.layer
        layer.servers.pop(self.key, None)
        if self.merge is not None and layer.merges.get(self.merge) == self.key:
            del layer.merges[self.merge]

    def _act(self, action: Action, data: bytes, message: Message | None) -> None:
        if action is Action.SEND:
            if data:  # empty when restored: it was sent before the restart
                self.layer.send(data, self.address)
            # A 2xx to an INVITE is the dialog's to repeat.
            self.kept = b"" if self.state is State.ACCEPTED else data
        elif action is Action.REPEAT:
            if self.kept:
                self.layer.count("response_repeated")
                self.layer.send(self.kept, self.address)
        elif action is Action.TIME_OUT:
            self.layer.count("ack_missing")


_AWAITING: Final = (State.CALLING, State.TRYING, State.PROCEEDING)


class ClientTransaction(_Transaction):
    """A request that was sent, until its final response needs no absorbing any more."""

    __slots__ = ("key", "moved", "user")

    def __init__(
        self,
        layer: Transactions,
        key: tuple[str, str],
        request: bytes,
        address: Address,
        *,
        user: ClientUser,
        invite: bool,
    ) -> None:
        super().__init__(layer, INVITE_CLIENT if invite else CLIENT, address)
        self.key = key
        self.kept = request
        """The request; after a final response the ACK, when there is one to repeat."""
        self.user = user
        self.moved = False
        """It goes by TCP because it is too large for UDP."""

    def begin(self) -> None:
        """Send the request and start its timers."""
        self.layer.send(self.kept, self.address)
        for timer in self.machine.timers:
            self._start(timer)

    def receive(self, message: Message) -> bool:
        """Take a response; False when it comes at a moment the table does not know."""
        status = message.status
        if status < 200:
            return self.step(Input.PROVISIONAL, message=message)
        if self.state in _AWAITING and (status < 300 or self.machine is CLIENT):
            self.kept = b""  # not sent any more, but remembered for half a minute
        return self.step(Input.SUCCESS if status < 300 else Input.FAILURE, message=message)

    def not_sent(self) -> None:
        """The transport failed: back to UDP when the size alone spoke for TCP, else give up."""
        if self.state not in (State.CALLING, State.TRYING):
            return
        if self.moved:
            self.moved = False
            self.address = Address(self.address.host, self.address.port)
            self.timers.clear()
            self.begin()
            return
        self.step(Input.TIMER_B if self.machine is INVITE_CLIENT else Input.TIMER_F)

    def abandon(self) -> None:
        """Forget a request whose final response nobody awaits any more."""
        if self.state in _AWAITING:
            self.timers.clear()
            self.forget()

    def forget(self) -> None:
        """Take the transaction out of the layer."""
        self.layer.clients.pop(self.key, None)
        self.kept = b""

    def _act(self, action: Action, data: bytes, message: Message | None) -> None:
        if action is Action.REPEAT:
            self.layer.count("request_repeated")
            self.layer.send(self.kept, self.address)
        elif action is Action.TIME_OUT:
            self.user.timed_out(self)
        elif message is not None and action is Action.ACKNOWLEDGE:
            if self.kept.startswith(b"INVITE "):
                self.kept = refusal_ack(self.kept, message.header("To") or "")
            self.layer.send(self.kept, self.address)
        elif message is not None and action is Action.PASS:
            self.user.response(self, message)


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
