"""Transactions of RFC 3261 section 17 with the corrections of RFC 6026.

Nothing here reads a clock or a socket. What is left of a transaction that only absorbs repetitions
is in ``finished/transactions.py``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from cython_ext.sip_wire import Message
from drivers.sip.core.timers import Timers
from drivers.sip.finished.transactions import Finished, Finishing, client_key, refusal_ack, unheard
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
    delays,
)
from drivers.sip.options import TimerOptions
from drivers.sip.transport.address import Address

LARGE: Final = 1300  # bytes; RFC 3261 18.1.1: larger requests need congestion control
ServerKey = str
"""Branch, sent-by and method in one text; for RFC 2543 peers what 17.2.3 says."""
MergeKey = tuple[str, str, str]
"""From tag, Call-ID and CSeq of a request outside a dialog (RFC 3261 8.2.2.2)."""

_ACCEPTED: Final = Finished(State.ACCEPTED)
_CONFIRMED: Final = Finished(State.CONFIRMED)
_ABSORBED: Final = Finished(State.COMPLETED)


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
        self.servers: dict[ServerKey, ServerTransaction | Finished] = {}
        self.clients: dict[str, ClientTransaction | Finished] = {}
        """By branch and method; see ``client_key``."""
        self.merges: dict[int, ServerKey] = {}
        """By the hash of a ``MergeKey``: 64 bits under a secret of this process."""
        self.plain: dict[int, Finished] = {}
        """What is left of requests that had a plain response, by its status."""
        self.answered_again: Callable[[Finished, Message], None] = unheard
        """Told of each 2xx to an INVITE that had one and is settled."""
        self.large_by_tcp = False  # requests over ``LARGE`` bytes, instead of by UDP
        t1 = self.t1 = timing.t1
        self.t2 = timing.t2
        self.delays = delays(t1, timing.t4)
        timers.often(*self.delays.values())
        self.finishing = {
            timer: Finishing(timers, self.delays[timer], forget)
            for forget, ending in (
                (self._forget_servers, (Input.TIMER_I, Input.TIMER_J, Input.TIMER_L)),
                (self._forget_clients, (Input.TIMER_D, Input.TIMER_K, Input.TIMER_M)),
            )
            for timer in ending
        }

    def open_server(
        self, key: ServerKey, address: Address, *, invite: bool, merge: MergeKey | None
    ) -> "ServerTransaction":
        """Begin the transaction of a new request; ``merge`` for requests without a To tag."""
        number = 0
        if merge is not None:
            number = hash(merge) or 1
            if self.merges.setdefault(number, key) != key:
                number = 0
        transaction = ServerTransaction(self, key, address, invite=invite, merge=number)
        self.servers[key] = transaction
        return transaction

    def restore_accepted(self, key: ServerKey, address: Address) -> None:
        """Begin again the transaction of an INVITE that had its 2xx before a restart."""
        transaction = self.open_server(key, address, invite=True, merge=None)
        transaction.step(Input.SUCCESS)

    def is_merged(self, key: ServerKey, merge: MergeKey) -> bool:
        """Whether the same request is already here over another path (8.2.2.2)."""
        return self.merges.get(hash(merge) or 1, key) != key

    def receive(self, key: str, message: Message, source: Address) -> bool:
        """Take a response; False when no request of ours has this ``client_key``."""
        known = self.clients.get(key)
        if known is None:
            return False
        if isinstance(known, ClientTransaction):
            if source.reliable:
                known.address = source  # what follows stays on this connection
            known.receive(message)
        elif known.state is State.ACCEPTED and 200 <= message.status < 300:
            self.answered_again(known, message)
        elif known.state is State.COMPLETED and known.data and message.status >= 300:
            self.send(known.data, known.address)
        else:
            self.count("transaction_unexpected")
        return True

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
        name = client_key(*key)
        transaction = ClientTransaction(self, name, request, address, user=user, invite=invite)
        transaction.moved = moved
        self.clients[name] = transaction
        transaction.begin()
        return transaction

    def restore_invite(
        self, key: tuple[str, str], request: bytes, address: Address, *, user: ClientUser
    ) -> "ClientTransaction":
        """Take up an INVITE that was sent before a restart; it is not sent again."""
        name = client_key(*key)
        transaction = ClientTransaction(self, name, request, address, user=user, invite=True)
        transaction.state = State.PROCEEDING
        self.clients[name] = transaction
        return transaction

    def unreachable(self, address: Address) -> None:
        """No connection to ``address`` is to be had: its requests fail now (17.1.4)."""
        for transaction in list(self.clients.values()):
            if isinstance(transaction, ClientTransaction) and transaction.address == address:
                transaction.not_sent()

    def _forget_servers(self, keys: list[str], merges: list[int]) -> None:
        for key in keys:
            self.servers.pop(key, None)
        for merge in merges:
            self.merges.pop(merge, None)

    def _forget_clients(self, keys: list[str], merges: list[int]) -> None:
        for key in keys:
            self.clients.pop(key, None)


class _Transaction(ABC):
    """What the four machines share: the step through a table and its timers."""

    __slots__ = ("address", "interval", "kept", "layer", "machine", "settled", "state", "timers")

    def __init__(self, layer: Transactions, machine: Machine, address: Address) -> None:
        self.layer = layer
        self.machine = machine
        self.address = address
        self.state = machine.first
        self.kept = b""
        self.timers: dict[int, float] = {}
        self.interval = layer.t1
        self.settled = False
        """Something else answers repetitions."""

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
        ends: Input | None = None
        if state is not self.state:
            self.state = state
            running = self.timers
            self.timers = {}
            if state is State.PROCEEDING:
                self.timers |= {t: w for t, w in running.items() if t in CROSSING}
            ends = self.machine.absorbs.get(state)
        for action in actions:
            self._act(action, data, message)
        if state is State.TERMINATED:
            self.forget()
        elif ends is not None:
            if self.address.transport != "udp" and ends in ABSORBING:
                self.forget()  # nothing comes again there
            else:
                self._finish(self.layer.finishing[ends])
        elif not self.settled:
            for timer in timers:
                self._start(timer)
        return True

    def _start(self, timer: Input) -> None:
        layer = self.layer
        delay = layer.delays[timer]
        if self.address.transport != "udp":
            if timer in REPEATING:
                return
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
    def _finish(self, finishing: Finishing) -> None:
        """Leave in the layer what answers repetitions, in place of the transaction."""

    @abstractmethod
    def forget(self) -> None:
        """Take the transaction out of the layer."""


class ServerTransaction(_Transaction):
    """A request that was received, until its responses need no repetition any more."""

    __slots__ = ("key", "merge", "plain")

    def __init__(
        self,
        layer: Transactions,
        key: ServerKey,
        address: Address,
        *,
        invite: bool,
        merge: int,
    ) -> None:
        super().__init__(layer, INVITE_SERVER if invite else SERVER, address)
        self.key = key
        self.merge = merge
        self.plain = 0

    def respond(self, status: int, response: bytes, *, plain: bool = False) -> bool:
        """Send a response; False when a final one has left already.

        A ``plain`` one can be written again from its status and the request.
        """
        self.plain = status if plain else 0
        if status < 200:
            return self.step(Input.PROVISIONAL, response)
        return self.step(Input.SUCCESS if status < 300 else Input.FAILURE, response)

    def forget(self) -> None:
        """Take the transaction out of the layer."""
        layer = self.layer
        layer.servers.pop(self.key, None)
        if self.merge:
            layer.merges.pop(self.merge, None)

    def _finish(self, finishing: Finishing) -> None:
        layer, found = self.layer, _ACCEPTED
        if self.state is State.CONFIRMED:
            found = _CONFIRMED
        elif self.state is State.COMPLETED:
            if not self.plain:
                found = Finished(State.COMPLETED, self.kept, self.address)
            elif self.plain in layer.plain:
                found = layer.plain[self.plain]
            else:
                found = layer.plain[self.plain] = Finished(State.COMPLETED, status=self.plain)
        layer.servers[self.key] = found
        finishing.add(self.key, self.merge)

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
        key: str,
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

    def settle(self, ack: bytes, address: Address, tag: str) -> None:
        """An INVITE had its 2xx: from now on only the ACK has to be sent again (RFC 6026 8.4)."""
        self.settled = True
        self.layer.clients[self.key] = Finished(State.ACCEPTED, ack, address, tag=tag)
        self.layer.finishing[Input.TIMER_M].add(self.key, 0)

    def abandon(self) -> None:
        """Forget a request whose final response nobody awaits any more."""
        if self.state in _AWAITING:
            self.timers.clear()
            self.forget()

    def forget(self) -> None:
        """Take the transaction out of the layer."""
        self.layer.clients.pop(self.key, None)
        self.kept = b""

    def _finish(self, finishing: Finishing) -> None:
        found = _ABSORBED
        if self.machine is INVITE_CLIENT:
            found = Finished(State.COMPLETED, self.kept, self.address)
        self.layer.clients[self.key] = found
        finishing.add(self.key, 0)

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
