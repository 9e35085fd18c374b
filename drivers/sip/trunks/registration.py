"""Registering at a carrier (RFC 3261 10.2): digest, renewal in time, other gateways, patience."""

from enum import Enum, auto
from typing import Final

from cython_ext.sip_wire import Message, WireError, build_request, parse_name_addr, parse_uri
from drivers.sip.core.services import Headers, Services
from drivers.sip.dialog import MAX_FORWARDS
from drivers.sip.in_call.requests import answer_challenge
from drivers.sip.transaction import ClientTransaction
from drivers.sip.trunks.trunk import Trunk, user_part

RENEW_AT: Final = (0.7, 0.85)
"""Range of the share of a registration after which it is renewed, at random."""
FIRST_RETRY: Final = 15.0  # s, doubled after each failure
MOST_ROUTES: Final = 8  # proxies that a carrier may put between us
LONGEST_RETRY: Final = 600.0  # s, also after a refusal that only a person can change
_FATAL: Final = frozenset({401, 403, 404, 407})


class RegistrationState(Enum):
    """Where a registration stands."""

    OFF = auto()
    ASKING = auto()
    """A REGISTER waits for its answer; calls may still reach us by the last one."""
    REGISTERED = auto()
    WAITING = auto()
    """The last try failed; the next one comes later."""


class RegistrationInput(Enum):
    """What moves it on."""

    START = auto()
    SUCCESS = auto()
    AGAIN = auto()
    """A challenge or too short an interval: ask once more at once."""
    FAILURE = auto()
    TIMER = auto()


_S, _I = RegistrationState, RegistrationInput

REGISTRATION_TABLE: Final[dict[tuple[RegistrationState, RegistrationInput], RegistrationState]] = {
    (_S.OFF, _I.START): _S.ASKING,
    (_S.ASKING, _I.SUCCESS): _S.REGISTERED,
    (_S.ASKING, _I.AGAIN): _S.ASKING,
    (_S.ASKING, _I.FAILURE): _S.WAITING,
    (_S.REGISTERED, _I.TIMER): _S.ASKING,
    (_S.WAITING, _I.TIMER): _S.ASKING,
}

_NEXT: Final = 1  # the only timer of a registration


class Registration:
    """Our registration at one trunk."""

    def __init__(self, services: Services, trunk: Trunk) -> None:
        self.services = services
        self.trunk = trunk
        self.state = RegistrationState.OFF
        self.timers: dict[int, float] = {}
        self.last_status = 0
        """Status of the last answer; 0 before the first, and after silence."""
        self._call_id = services.token()
        self._tag = services.token()
        self._number = 0
        self._place = 0
        self._expires = trunk.options.register_expires_s
        self._tries = 0
        self._failures = 0

    def start(self) -> None:
        """Register. It is never taken away: calls that meet a restart are sent again."""
        if self._step(RegistrationInput.START):
            self._send([])

    def timer_fired(self, timer: int) -> None:
        """Renew, or try again."""
        if self._step(RegistrationInput.TIMER):
            self._tries = 0
            self._send([])

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Take an answer of the carrier."""
        status = message.status
        if status < 200 or message.cseq.number != self._number:
            return
        self.last_status = status
        if status < 300:
            self._succeeded(message)
        elif status in (401, 407):
            self._challenged(message)
        elif status == 423 and self._is_longer(message) and self._step(RegistrationInput.AGAIN):
            self._send([])
        else:
            self._failed(elsewhere=status >= 500, fatal=status in _FATAL)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """The carrier is silent."""
        self.last_status = 0
        self._failed(elsewhere=True, fatal=False)

    def _succeeded(self, message: Message) -> None:
        if not self._step(RegistrationInput.SUCCESS):
            return
        self._failures = self._tries = 0
        gateway = self.trunk.gateways[self._place]
        gateway.works()
        gateway.routes = service_routes(message)
        low, high = RENEW_AT
        share = low + (high - low) * self.services.random.random()
        self.services.timers.start(self, _NEXT, max(self._granted(message) * share, 1.0))

    def _challenged(self, message: Message) -> None:
        options = self.trunk.options
        value = answer_challenge(
            message,
            username=options.username,
            password=options.password,
            method="REGISTER",
            uri=self._uri(),
            cnonce=self.services.token(),
            body=b"",
            tries=self._tries,
        )
        if value is None:
            self._failed(elsewhere=False, fatal=True)
        elif self._step(RegistrationInput.AGAIN):
            self._tries += 1
            self._send([value])

    def _is_longer(self, message: Message) -> bool:
        text = (message.header("Min-Expires") or "").strip()
        wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
        if wanted <= self._expires:
            return False
        self._expires = wanted
        return True

    def _failed(self, *, elsewhere: bool, fatal: bool) -> None:
        services = self.services
        services.count("registration_failed")
        self.trunk.gateways[self._place].routes = ()
        if elsewhere:
            self.trunk.gateways[self._place].failed(services.timers.now)
            self._place = (self._place + 1) % len(self.trunk.gateways)
        if not self._step(RegistrationInput.FAILURE):
            return
        self._failures += 1
        # As long as an untried gateway is left there is nothing to wait for.
        if elsewhere and self._failures < len(self.trunk.gateways):
            delay = 0.0
        elif fatal:
            delay = LONGEST_RETRY
        else:
            delay = min(FIRST_RETRY * 2 ** min(self._failures - 1, 10), LONGEST_RETRY)
            delay *= 0.5 + services.random.random() / 2
        services.timers.start(self, _NEXT, delay)

    def _granted(self, message: Message) -> int:
        """For how long: our Contact says it first, then Expires, else what we asked for."""
        user = user_part(self.trunk.options.username)
        for value in message.headers("Contact"):
            try:
                contact = parse_name_addr(value)
            except WireError:
                continue
            text = contact.params.get("expires") or ""
            if f":{user}@" in contact.uri and text.isascii() and text.isdigit():
                return int(text[:8])
        text = (message.header("Expires") or "").strip()
        return int(text[:8]) if text.isascii() and text.isdigit() else self._expires

    def _uri(self) -> str:
        options, gateway = self.trunk.options, self.trunk.gateways[self._place]
        if options.domain:
            return f"sip:{options.domain}"
        return self.trunk.uri("", gateway).replace("sip:@", "sip:", 1)

    def _send(self, extra: Headers) -> None:
        services, options = self.services, self.trunk.options
        gateway = self.trunk.gateways[self._place]
        if gateway.address is None:
            self._failed(elsewhere=True, fatal=False)
            return
        self._number += 1
        user, branch = user_part(options.username), services.branch()
        domain = options.domain or gateway.host
        me = f"<sip:{user}@{domain}>"
        headers = [
            ("Via", services.via_start + branch),
            MAX_FORWARDS,
            ("From", f"{me};tag={self._tag}"),
            ("To", me),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} REGISTER"),
            ("Contact", f"<sip:{user}@{services.via_host}>;expires={self._expires}"),
            *extra,
            services.user_agent,
        ]
        data = build_request("REGISTER", self._uri(), headers)
        services.count("sent_register")
        key = branch, "REGISTER"
        services.transactions.open_client(key, data, gateway.address, user=self)

    def _step(self, happened: RegistrationInput) -> bool:
        found = REGISTRATION_TABLE.get((self.state, happened))
        if found is None:
            self.services.count("registration_unexpected")
            return False
        self.state = found
        return True


def service_routes(message: Message) -> tuple[str, ...]:
    """The proxies that calls out pass, in order (RFC 3608 5); none when one cannot be used."""
    found = tuple(message.headers("Service-Route"))
    try:
        uris = [parse_uri(parse_name_addr(value).uri) for value in found]
    except WireError:
        return ()
    usable = all(uri.scheme in ("sip", "sips") and "lr" in uri.params for uri in uris)
    return found if usable and len(found) <= MOST_ROUTES else ()
