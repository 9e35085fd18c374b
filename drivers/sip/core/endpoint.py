"""The SIP core: takes datagrams and time, gives datagrams, happenings and deadlines.

It reads no clock and no socket. After each call of ``receive``, ``advance`` or a command,
``take_out`` and ``take_happenings`` hand over what is to be sent and told.
"""

import random
from collections.abc import Callable, Iterable, Sequence

import msgspec

from drivers.api import CallDetails, DtlsOffer
from drivers.events import Cause
from drivers.sip.auth import Challenger
from drivers.sip.core.call import Call, CallState, CallTimer
from drivers.sip.core.calls import BINDING_KIND, Calls
from drivers.sip.core.happenings import Happening, StationCame, StationWent
from drivers.sip.core.in_dialog import InDialog
from drivers.sip.core.inbound import InboundCalls
from drivers.sip.core.incoming import Incoming
from drivers.sip.core.outbound import OutboundCalls
from drivers.sip.core.services import Services
from drivers.sip.in_call.parallel import Parallel
from drivers.sip.journal.records import BindingRecord, OfferRecord, Peer
from drivers.sip.journal.sealing import Sealer
from drivers.sip.ladder import MessageLog
from drivers.sip.options import SipOptions, StationAccount
from drivers.sip.stations.flows import StationFlows
from drivers.sip.stations.registrar import Registrar, way_to
from drivers.sip.stations.subscriptions import Lamps
from drivers.sip.stations.watching import Subscriptions
from drivers.sip.transport.address import Address
from drivers.sip.trunks.guards import NotAllowed
from drivers.sip.trunks.registration import Registration
from drivers.sip.trunks.sources import Sources
from drivers.sip.trunks.trunk import trunks_of
from drivers.sip.trunks.watch import Watch

_pack = msgspec.msgpack.Encoder().encode


class SipCore:
    """Everything SIP but the socket."""

    def __init__(
        self,
        options: SipOptions,
        *,
        host: str,
        port: int,
        rng: random.Random,
        journal: Callable[[str, bytes], None],
        secret: bytes,
        seal_key: bytes = b"",
    ) -> None:
        # Without a key of longer life than ours nobody after us reads what was sealed.
        sealer = Sealer(seal_key or secret, rng.randbytes)
        services = Services(options, host=host, port=port, rng=rng, journal=journal, sealer=sealer)
        self.services = services
        self.options = options
        self.calls = Calls(services)
        self.log = MessageLog(options.messages_kept)
        self.in_dialog = InDialog(services, self.calls)
        self.inbound = InboundCalls(services, self.calls, self.in_dialog)
        self.outbound = OutboundCalls(services, self.calls, self.in_dialog)
        self.registrar = Registrar(
            options,
            services.timers,
            journal=self._journal_binding,
            came=self._came,
            went=self._went,
            rng=rng,
        )
        self.lamps = Lamps(services, self.registrar)
        self.watching = Subscriptions(services, self.calls, summary=self.lamps.summary)
        self.trunks = trunks_of(options, rng)
        self.registrations = {
            name: Registration(services, trunk)
            for name, trunk in self.trunks.items()
            if trunk.options.register
        }
        self._watches = [
            Watch(services, trunk, gateway)
            for trunk in self.trunks.values()
            if trunk.options.options_every_s > 0
            for gateway in trunk.gateways
        ]
        self.flows = StationFlows(
            services, self.calls, self.registrar, withdraw=self.outbound.withdraw
        )
        self.inbound.on_replaced = self._replaced
        self._offers: list[OfferRecord] = []
        self._deadlines: dict[CallTimer, Callable[[Call], None]] = {
            CallTimer.OK_REPEAT: self.in_dialog.ending.repeat_ok,
            CallTimer.ACK_LIMIT: self.in_dialog.ending.no_ack,
            CallTimer.PROVISIONAL: self.inbound.provisional,
            CallTimer.GLARE: self.in_dialog.offers.settled,
            CallTimer.REINVITE_LIMIT: self.in_dialog.offers.reinvite_lost,
            CallTimer.RING_LIMIT: self.outbound.ring_limit,
            CallTimer.CANCEL_LIMIT: self.outbound.cancel_limit,
            CallTimer.SESSION_REFRESH: self.in_dialog.timers.refresh,
            CallTimer.SESSION_END: self.in_dialog.timers.expire,
            CallTimer.RELIABLE: self.in_dialog.reliable.repeat,
            CallTimer.SILENCE: self.outbound.failover.silent,
            CallTimer.T38_LIMIT: self.in_dialog.offers.t38.stays,
        }
        self.incoming = Incoming(
            services,
            self.calls,
            owner=self,
            inbound=self.inbound,
            in_dialog=self.in_dialog,
            registrar=self.registrar,
            sources=Sources(self.trunks.values()),
            watching=self.watching,
            challenger=Challenger(
                options.realm,
                secret=secret,
                rng=rng,
                algorithms=options.digest_algorithms,
                qop=options.digest_qop,
            ),
        )

    # Datagrams and time

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram; whatever it holds, nothing is raised."""
        self.services.timers.now = now
        self.log.keep((now, False, source.host, source.port, source.transport, data))
        self.incoming.receive(data, source)

    def flow_lost(self, address: Address) -> None:
        """A connection is gone."""
        self.flows.lost(address)

    def advance(self, now: float) -> None:
        """Let every deadline up to ``now`` pass."""
        self.services.timers.fire(now)

    def next_deadline(self) -> float | None:
        """When ``advance`` has something to do; None when never."""
        return self.services.timers.next_deadline()

    def take_out(self) -> list[tuple[bytes, Address]]:
        """Datagrams to send now, in order."""
        out, self.services.out = self.services.out, []
        now, keep = self.services.timers.now, self.log.keep
        for data, address in out:
            keep((now, True, address.host, address.port, address.transport, data))
        return out

    def take_happenings(self) -> list[Happening]:
        """What happened, in order."""
        happened, self.services.happened = self.services.happened, []
        if self.watching.by_tag:
            for one in happened:
                if not isinstance(one, StationCame | StationWent) and one.call.peer.is_station:
                    self.watching.changed(one.call.peer.name)
        return happened

    # Commands

    def ring(self, call: Call) -> None:
        """Tell the caller that it rings."""
        self.inbound.ring(call)

    def open_early(self, call: Call, host: str, port: int) -> bool:
        """Let the caller hear us before the answer; False when its telephone cannot."""
        return self.inbound.open_early(call, host, port)

    def accept(self, call: Call, host: str, port: int) -> bool:
        """Answer with this audio address; False when the caller is gone."""
        return self.inbound.accept(call, host, port)

    def release(self, call: Call, cause: Cause) -> None:
        """End a call in any state; harmless when it is over."""
        if call.group is not None:
            self.outbound.release_all(call.group, cause)
            return
        if call.state is CallState.OFFERED:
            self.inbound.refuse(call, cause)
        elif call.state in (CallState.CALLING, CallState.PROCEEDING):
            self.outbound.release(call, cause)
        elif call.state in (CallState.ACCEPTED, CallState.CONFIRMED):
            self.in_dialog.ending.release(call, cause)

    def dial_trunk(
        self,
        trunk: str,
        number: str,
        *,
        line: str,
        ani: str,
        places: Sequence[Address] = (),
        details: CallDetails | None = None,
    ) -> Call:
        """Prepare a call to a number over a trunk; KeyError when it takes no outgoing calls,
        NotAllowed when its limits forbid this one.

        ``places`` are where the name in its target leads; none needed for an address.
        """
        place = self.trunks.get(trunk)
        if place is None or not place.gateways:
            raise KeyError(trunk)
        if details is not None and details.hops < 1:
            raise NotAllowed(f"the call went through too many exchanges to reach trunk {trunk}")
        seat = place.admit(number, self.services.timers.now, places)
        peer = Peer(trunk, False, place.options.codecs)
        usable = self._where_keys_may_go(peer, seat.places())
        if not usable:
            seat.leave()
            raise NotAllowed(
                f"audio of trunk {trunk} must be encrypted, but it is not called by tls"
            )
        call = self._new_call(peer, seat.uri(), usable[0], line=line, ani=place.caller(ani))
        call.seat, call.details, call.places = seat, details, usable[1:]
        call.routes = seat.headers()
        return call

    def dial_station(self, station: str, *, line: str, ani: str) -> Call:
        """Prepare a call to all phones of a station; KeyError when none is registered."""
        bindings = self.registrar.find_all(station)
        peer = Peer(station, True, self.options.station_codecs)
        ways = [way_to(binding) for binding in bindings]
        usable = self._where_keys_may_go(peer, ways)
        # One port cannot be a browser's and a telephone's: those in browsers sit at the desk.
        usable = [
            way for way in usable if self.services.terms(peer, way.transport).browser
        ] or usable
        bindings = [one for one, way in zip(bindings, ways, strict=True) if way in usable]
        if not bindings:
            raise KeyError(station)
        calls = []
        for binding in bindings:
            call = self._new_call(peer, binding.contact, way_to(binding), line=line, ani=ani)
            call.routes = [("Route", value) for value in binding.path]
            calls.append(call)
        if len(calls) > 1:
            Parallel(calls[0], calls[1:])
        return calls[0]

    def start(self, call: Call, *, name: str, host: str, port: int) -> None:
        """Send the INVITE of a prepared call, with our audio address."""
        members = [call] if call.group is None else call.group.members
        for member in list(members):
            member.port, member.dtls = call.port, call.dtls
            self.outbound.dial(member, name=name, host=host, port=port)

    def redirect(self, call: Call, number: str) -> bool:
        """Send a caller who still waits to another number; False when it is too late."""
        return self.inbound.redirect(call, number)

    def refer(self, call: Call, number: str, other: Call | None) -> bool:
        """Ask the peer to call a number, or to take our other call over; False when it cannot."""
        return self.in_dialog.transfers.refer(call, number, other)

    def report_transfer(self, transfer: str, cause: Cause | None, *, rings: bool = False) -> None:
        """Tell who asked for a transfer that its target rings, or how it went (None: well)."""
        if rings:
            self.in_dialog.transfers.report_ringing(transfer)
        else:
            self.in_dialog.transfers.report(transfer, cause)

    def set_hold(self, call: Call, *, hold: bool) -> None:
        """Hold or retrieve the peer."""
        self.in_dialog.offers.set_hold(call, hold=hold)

    def dtls_wanted(self, call: Call) -> tuple[bool, bool]:
        """Whether the call's first description needs the engine's part of DTLS, and with ICE."""
        if call.session is None:
            browser = self.services.terms(call.peer, call.address.transport).browser
            return browser, browser
        return call.session.wants_dtls, call.session.wants_ice

    def prepare_dtls(self, call: Call, engine: DtlsOffer) -> None:
        """Take what the media engine says of the call's port."""
        if call.session is None:
            call.dtls = engine
        else:
            call.session.prepare_dtls(engine)

    def renew_keys(self, call: Call) -> None:
        """Agree on other keys where they come by DTLS: media was started anew."""
        self.in_dialog.offers.renew_keys(call)

    def set_stations(self, accounts: Sequence[StationAccount]) -> None:
        """Replace the station accounts; phones of those that are gone are forgotten."""
        self.incoming.set_accounts(accounts)
        for station in {binding.station for binding in self.registrar.records()}:
            if station not in self.incoming.accounts:
                self.registrar.remove(station, "account removed")

    def restore(self, records: Iterable[tuple[str, bytes]], now: float) -> list[Call]:
        """Rebuild calls and registrations from the journal; returns the calls to go on with."""
        self.services.timers.now = now
        records = list(records)
        calls, bindings, self._offers = self.calls.restore(records, self)
        for call in calls:
            if call.state is CallState.CANCELLING:
                self.outbound.take_up(call)
            trunk = None if call.inbound else self.trunks.get(call.peer.name)
            if trunk is not None and not call.peer.is_station and call.dialog is not None:
                call.seat = trunk.readmit(call.dialog.source)
        self.registrar.restore(bindings)
        self.flows.restored()
        self.lamps.restore(records)
        self.watching.restore(records)
        return [call for call in calls if not call.reported]

    def begin(self) -> None:
        """Register at carriers and watch their gateways, once our address is known."""
        for registration in self.registrations.values():
            registration.start()
        for watch in self._watches:
            watch.start()

    def trunks_with_names(self) -> list[str]:
        """Trunks whose gateway must be known before it is registered at or watched."""
        return [
            name
            for name, trunk in self.trunks.items()
            if any(one.address is None for one in trunk.gateways)
            and (trunk.options.register or trunk.options.options_every_s > 0)
        ]

    def named(self, trunk: str, places: Sequence[Address]) -> None:
        """Where the name in a trunk's target leads now."""
        place = self.trunks.get(trunk)
        if place is not None and places and place.gateways[0].named(places[0]):
            self.incoming.sources.forget()

    def resume(self) -> None:
        """Go on with what restored calls were waiting for, once our address is known."""
        for call in self.calls.all():
            if call.state is CallState.CANCELLING:
                self.services.count("withdrawn_after_restart")
                self.outbound.withdraw(call)
                continue
            if call.state is CallState.ENDING:
                self.in_dialog.ending.send_bye(call, Cause.NORMAL)
                continue
            if call.ok:
                self.in_dialog.ending.await_ack(call)
            self.in_dialog.timers.resume(call)
        for offer in self._offers:
            self.incoming.inbound.again(offer, self)
        self._offers = []
        self.in_dialog.offers.t38.resume()
        self.watching.resume()

    def snapshot(self) -> list[tuple[str, bytes]]:
        """Journal records that replace all earlier ones."""
        bindings = [(BINDING_KIND, _pack(record)) for record in self.registrar.records()]
        lamps = self.lamps.snapshot() + self.watching.snapshot()
        return self.calls.snapshot() + bindings + lamps

    def call_timer(self, call: Call, timer: CallTimer) -> None:
        """A call's deadline passed."""
        self._deadlines[timer](call)

    def _replaced(self, call: Call) -> None:
        standing = call.state is CallState.CONFIRMED
        self.release(call, Cause.NORMAL if standing else Cause.ANSWERED_ELSEWHERE)

    def _where_keys_may_go(self, peer: Peer, places: Sequence[Address]) -> list[Address]:
        """The places but those where audio must be encrypted and its keys would be readable."""
        return [place for place in places if self.services.terms(peer, place.transport).possible]

    def _new_call(self, peer: Peer, uri: str, address: Address, *, line: str, ani: str) -> Call:
        services = self.services
        ref = f"{services.token()}{services.token()}"
        call = Call(self, inbound=False, ref=ref, local_tag=services.token(), peer=peer)
        call.uri, call.address = uri, address
        call.line = line
        call.ani = ani
        return call

    def _journal_binding(self, record: BindingRecord) -> None:
        self.services.journal(BINDING_KIND, _pack(record))

    def _came(self, record: BindingRecord) -> None:
        services = self.services
        left = record.expires - services.timers.now
        services.happened.append(StationCame(record.station, record.contact, left))
        self.flows.came(record)
        self.lamps.tell_one(record)
        self.watching.came(record.station, record.source)

    def _went(self, station: str, reason: str) -> None:
        self.services.happened.append(StationWent(station, reason))
