"""What all parts of the core share: outbox, events, counters, timers, tokens, journal."""

import random
from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import format_host
from drivers.sip.core.happenings import Happening
from drivers.sip.core.request import COOKIE, Received
from drivers.sip.core.timers import Timers
from drivers.sip.finished.transactions import Finished
from drivers.sip.journal.records import Peer
from drivers.sip.journal.sealing import Sealer
from drivers.sip.negotiation.terms import Terms
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transaction import Transactions
from drivers.sip.transport.address import Address

ALLOW: Final = (
    "Allow",
    "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY, SUBSCRIBE",
)
EXTENSIONS: Final = frozenset({"100rel", "timer", "replaces", "norefersub", "path"})
"""Option tags that a request may require of us."""
ACCEPT: Final = ("Accept", "application/sdp")
SDP_TYPE: Final = ("Content-Type", "application/sdp")
BRANCH: Final = len(COOKIE) + 16  # characters of a branch of ours
TOKENS_DRAWN: Final = 64  # at a time

Headers = list[tuple[str, str]]


class Services:
    """The hands of the core; nothing here decides anything."""

    def __init__(
        self,
        options: SipOptions,
        *,
        host: str,
        port: int,
        rng: random.Random,
        journal: Callable[[str, bytes], None],
        sealer: Sealer,
    ) -> None:
        self.options = options
        self.sealer = sealer
        self.host = host
        """Address we write into our messages."""
        self.port = port
        self.audio_host = ""
        """Address of our audio, as the last port had it; empty before the first."""
        self._trunks = {trunk.name: trunk for trunk in options.trunks}
        self._terms: dict[tuple[str, str], Terms] = {}
        self.random = rng
        self.new_key = rng.randbytes  # one for all sessions, instead of a bound method each
        self._tokens: list[str] = []
        self.journal = journal
        self.timers = Timers()
        self.out: list[tuple[bytes, Address]] = []
        self.happened: list[Happening] = []
        self.counters: dict[str, int] = {}
        self.blame: Callable[[str, str], None] = _unheard
        """Told the host of a request that should not have been, and why."""
        self.right_password: Callable[[str, str], None] = _unheard
        """Told the account and the host of one that proved who it is."""
        self.wrong_password: Callable[[str, str], None] = _unheard
        """Told the account, empty when none could be read, and the host of one that did not."""
        self.account_wait: Callable[[str, str], float] = _no_wait
        """For how many seconds an account is not listened to from a host."""
        self.is_open: Callable[[Address], bool] = lambda address: True
        """Whether the flow of an address still stands."""
        self.transactions = Transactions(
            options.timers, self.timers, send=self.send, count=self.count
        )
        self.set_address(host, port)

    def set_address(self, host: str, port: int) -> None:
        """Tell where the socket is bound, once that is known."""
        self.host, self.port = host, port
        place = format_host(host, port)
        self.via_host = place
        self.contact = ("Contact", f"<sip:{place}>")
        self.via_start = f"SIP/2.0/UDP {place};rport;branch="
        timer = ", timer" if self.options.session_expires_s else ""
        self.supported = ("Supported", f"100rel, replaces, norefersub{timer}")
        self.server = ("Server", self.options.user_agent)
        self.user_agent = ("User-Agent", self.options.user_agent)

    def send(self, data: bytes, address: Address) -> None:
        """Put a datagram into the outbox."""
        self.out.append((data, address))

    def count(self, name: str) -> None:
        """Add one to a counter."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def trunk(self, name: str) -> TrunkOptions | None:
        """Options of a trunk."""
        return self._trunks.get(name)

    def terms(self, peer: Peer, transport: str) -> Terms:
        """What audio may be agreed with a trunk or a station, whose messages come so."""
        key = "" if peer.is_station else peer.name, transport
        known = self._terms.get(key)
        if known is None:
            known = self._terms[key] = self.options.terms(key[0], transport)
        return known

    def token(self) -> str:
        """A tag, branch tail or Call-ID that nobody guesses: 64 random bits."""
        if not self._tokens:
            # Random bits cost a system call each time, whatever their number.
            digits = f"{self.random.getrandbits(64 * TOKENS_DRAWN):0{16 * TOKENS_DRAWN}x}"
            self._tokens = [digits[at : at + 16] for at in range(0, len(digits), 16)]
        return self._tokens.pop()

    def session_id(self) -> int:
        """A number that tells our descriptions of a call from those of others (RFC 8866 5.2)."""
        return int(self.token()[:7], 16) + 1

    def branch(self) -> str:
        """A new branch of our own."""
        return f"{COOKIE}{self.token()}"

    def respond(
        self,
        received: Received,
        status: int,
        *,
        tag: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Send a response, through the request's transaction when it has one."""
        extra = [self.server] if headers is None else [*headers, self.server]
        if status > 100 and not tag and not received.message.to_tag:
            # Without a transaction a repeated request must get the same tag again (8.2.7).
            stateless = received.transaction is None
            tag = f"{hash(received.key) % 2**64:016x}" if stateless else self.token()
        data = received.response(status, tag=tag, headers=extra, body=body)
        self.count(f"sent_{status}")
        if received.transaction is None:
            self.send(data, received.reply_to)
        else:
            plain = headers is None and not body and bool(received.message.to_tag)
            received.transaction.respond(status, data, plain=plain)
        return data

    def respond_again(self, received: Received, known: Finished) -> None:
        """Answer a request that came again as it was answered, if anything answers it."""
        data, address = known.data, known.address
        if known.status:
            data = received.response(known.status, headers=[self.server])
            address = received.reply_to
        if data:
            self.count("response_repeated")
            self.send(data, address)


def _unheard(*_: str) -> None:
    """Who has no guard does not listen."""


def _no_wait(account: str, host: str) -> float:
    """Who has no guard hears every account."""
    return 0.0
