"""Whether the gateways of the trunks live: OPTIONS to each now and then (RFC 3261 11)."""

from typing import Final

from cython_ext.sip_wire import Message, build_request
from drivers.sip.core.services import Services
from drivers.sip.dialog import MAX_FORWARDS
from drivers.sip.transaction import ClientTransaction
from drivers.sip.trunks.gateways import Gateway
from drivers.sip.trunks.trunk import Trunk

SICK: Final = frozenset({408, 502, 503, 504})
"""Statuses with which a gateway says that it cannot carry calls; any other shows that it lives."""
_ASK: Final = 1  # the only timer of a watch


class Watch:
    """Asks one gateway."""

    __slots__ = ("gateway", "services", "timers", "trunk")

    def __init__(self, services: Services, trunk: Trunk, gateway: Gateway) -> None:
        self.services = services
        self.trunk = trunk
        self.gateway = gateway
        self.timers: dict[int, float] = {}

    def start(self) -> None:
        """Begin at a random moment, so that many gateways are not asked together."""
        every = self.trunk.options.options_every_s
        self.services.timers.start(self, _ASK, self.services.random.random() * every)

    def stop(self) -> None:
        """Ask no more."""
        self.timers.clear()

    def timer_fired(self, timer: int) -> None:
        """It is time to ask."""
        services, gateway = self.services, self.gateway
        services.timers.start(self, _ASK, self.trunk.options.options_every_s)
        if gateway.address is None:
            return
        branch = services.branch()
        uri = self.trunk.uri("", gateway).replace("sip:@", "sip:", 1)
        headers = [
            ("Via", services.via_start + branch),
            MAX_FORWARDS,
            ("From", f"<sip:{services.via_host}>;tag={services.token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", services.token()),
            ("CSeq", "1 OPTIONS"),
            services.contact,
            services.user_agent,
        ]
        data = build_request("OPTIONS", uri, headers)
        services.count("sent_options")
        key = branch, "OPTIONS"
        services.transactions.open_client(key, data, gateway.address, user=self)

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """It lives, unless it says itself that it does not."""
        if message.status >= 200:
            self._is(well=message.status not in SICK)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """It is silent."""
        self._is(well=False)

    def _is(self, *, well: bool) -> None:
        if well:
            if self.gateway.watched_down:
                self.services.count("gateway_up")
            self.gateway.works()
        elif not self.gateway.watched_down:
            self.gateway.watched_down = True
            self.services.count("gateway_down")
