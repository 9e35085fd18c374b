"""Subscriptions of stations (RFC 6665): busy lamps (dialog, RFC 4235) and message lamps (3842).

A subscription is a dialog of its own. It survives a restart: its telephone is then told once how
things are, as soon as it can be reached.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import msgspec

from cython_ext.sip_wire import Message, WireError, parse_uri
from drivers.errors import ProtocolError
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.calls import Calls
from drivers.sip.core.request import Received, printable
from drivers.sip.core.services import Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.journal.lamps import SUBSCRIPTION_KIND, SubscriptionRecord
from drivers.sip.transaction import ClientTransaction
from drivers.sip.transport.address import Address

DEFAULT_S: Final = 3600
LEAST_S: Final = 60
MOST_S: Final = 86_400
MOST_WATCHED: Final = 200  # subscriptions of one station
TOLD_WITHIN_S: Final = 5.0  # s after a restart; thousands are not told at once
JUMP: Final = 100_000  # more than the NOTIFYs of a subscription between two renewals
_END, _TELL = 1, 2  # timers of a subscription

DIALOG_TYPE: Final = "application/dialog-info+xml"
SUMMARY_TYPE: Final = "application/simple-message-summary"


class Shown(Enum):
    """Dialog states of RFC 4235 4.1.1 that a lamp tells apart."""

    TRYING = "trying"
    EARLY = "early"
    CONFIRMED = "confirmed"


_SHOWN: Final = {
    CallState.OFFERED: Shown.EARLY,
    CallState.CALLING: Shown.TRYING,
    CallState.PROCEEDING: Shown.EARLY,
    CallState.ACCEPTED: Shown.CONFIRMED,
    CallState.CONFIRMED: Shown.CONFIRMED,
}
"""What a lamp shows of a call; the other states are over for whoever looks at it."""


class Subscription:
    """One telephone that watches one station."""

    __slots__ = (
        *("dialog", "event", "owner", "package", "subscriber", "timers"),
        *("until", "version", "waits", "watched"),
    )

    def __init__(
        self,
        owner: "Subscriptions",
        dialog: Dialog,
        *,
        package: str,
        event: str,
        watched: str,
        subscriber: str,
    ) -> None:
        self.owner = owner
        self.dialog = dialog
        self.package = package
        self.event = event
        """The Event value as it was asked for, with its id."""
        self.watched = watched
        self.subscriber = subscriber
        """The station that watches; empty in records of earlier releases."""
        self.until = 0.0
        self.version = 0
        self.timers: dict[int, float] = {}
        self.waits = False
        """Since a restart: until the telephone can be told."""

    def timer_fired(self, timer: int) -> None:
        """It was not renewed; or it can be told after a restart."""
        if timer == _TELL:
            self.owner.tell_again(self)
        else:
            self.owner.end(self, "timeout")

    def record(self, *, until: float) -> SubscriptionRecord:
        """The subscription for the journal."""
        return SubscriptionRecord(
            dialog=self.dialog.record(),
            package=self.package,
            event=self.event,
            watched=self.watched,
            until=until,
            version=self.version,
            subscriber=self.subscriber,
        )

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """A telephone that does not know the subscription any more has it no longer."""
        if message.status in (404, 481, 489):
            self.owner.forget(self)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """It is gone."""
        self.owner.forget(self)


class Subscriptions:
    """All subscriptions; tells them what changes."""

    def __init__(
        self, services: Services, calls: Calls, *, summary: Callable[[str], bytes]
    ) -> None:
        self.services = services
        self.calls = calls
        self._summary = summary
        self.by_tag: dict[str, Subscription] = {}
        self._by_watched: dict[tuple[str, str], list[Subscription]] = {}
        self._others: dict[str, bool] = {}
        """What can be watched beside stations, such as parking slots, and whether it is in use."""
        self._waiting: dict[str, list[Subscription]] = {}
        """Since a restart, by the address that their telephones were at."""

    def __len__(self) -> int:
        return len(self.by_tag)

    def subscribe(self, received: Received, station: str, stations: frozenset[str]) -> None:
        """Take a SUBSCRIBE outside a dialog of an authenticated station."""
        services, message = self.services, received.message
        event = message.header("Event") or ""
        package = event.partition(";")[0].strip().lower()
        if package not in ("dialog", "message-summary"):
            services.count("subscribe_unknown_event")
            allowed = [("Allow-Events", "dialog, message-summary")]
            services.respond(received, 489, headers=allowed)
            return
        watched = station if package == "message-summary" else _user(message.uri)
        if watched not in stations and (package != "dialog" or watched not in self._others):
            services.respond(received, 404)
            return
        expires = self._expires(received)
        if expires is None:
            return
        held = self._by_watched.setdefault((package, watched), [])
        if len(held) >= MOST_WATCHED:
            services.count("subscribe_too_many")
            services.respond(received, 480)
            return
        tag = services.token()
        try:
            dialog = Dialog.answering(message, tag, received.source, fixed=True)
        except ProtocolError:
            services.respond(received, 400)
            return
        one = Subscription(
            self,
            dialog,
            package=package,
            event=printable(event),
            watched=watched,
            subscriber=station,
        )
        self.by_tag[tag] = one
        held.append(one)
        self._answer(one, received, expires)

    def refresh(self, received: Received) -> bool:
        """Take a SUBSCRIBE within a dialog; False when no subscription has it."""
        message = received.message
        one = self.by_tag.get(message.to_tag)
        if one is None or one.dialog.remote_tag != message.from_tag:
            return False
        if not one.dialog.is_next(message.cseq.number):
            self.services.respond(received, 500)
            return True
        expires = self._expires(received)
        if expires is not None:
            if received.source.reliable and received.source != one.dialog.source:
                one.dialog.move(received.source)  # it came back on another connection
            one.waits = False
            one.dialog.refresh_target(message)
            self._answer(one, received, expires)
        return True

    def changed(self, station: str, package: str = "dialog") -> None:
        """A call of the station changed, or its lamp: tell who watches it."""
        for one in tuple(self._by_watched.get((package, station), ())):
            self._notify(one, "active")

    def show(self, name: str, *, busy: bool) -> None:
        """Let something be watched that is no station, and tell whether it is in use."""
        before = self._others.get(name)
        self._others[name] = busy
        if before is not busy:
            self.changed(name)

    def end(self, one: Subscription, reason: str) -> None:
        """End a subscription with a last NOTIFY."""
        self.forget(one)
        self._notify(one, f"terminated;reason={reason}")

    def forget(self, one: Subscription) -> None:
        """Take a subscription out."""
        one.timers.clear()
        if self.by_tag.pop(one.dialog.local_tag, None) is not None and one.until:
            self._journal(one, until=0.0)
        held = self._by_watched.get((one.package, one.watched), [])
        if one in held:
            held.remove(one)

    def _expires(self, received: Received) -> int | None:
        """For how long; None after a 423 was sent."""
        text = (received.message.header("Expires") or "").strip()
        usable = text.isascii() and text.isdigit()
        expires = min(int(text[:9]), MOST_S) if usable else DEFAULT_S
        if 0 < expires < LEAST_S:
            headers = [("Min-Expires", str(LEAST_S))]
            self.services.respond(received, 423, headers=headers)
            return None
        return expires

    def _answer(self, one: Subscription, received: Received, expires: int) -> None:
        services = self.services
        headers: Headers = [services.contact, ("Expires", str(expires))]
        services.respond(received, 200, tag=one.dialog.local_tag, headers=headers)
        if expires == 0:  # the end, or a single look
            self.end(one, "timeout")
            return
        one.until = services.timers.now + expires
        services.timers.start(one, _END, expires)
        self._journal(one, until=one.until)
        self._notify(one, "active")

    # Recovery

    def restore(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Take the journal's records of an earlier run; others are passed over."""
        latest: dict[str, SubscriptionRecord] = {}
        for kind, payload in records:
            if kind != SUBSCRIPTION_KIND:
                continue
            try:
                record = _read(payload)
            except msgspec.DecodeError:
                self.services.count("journal_unreadable")
                continue
            latest[record.dialog.local_tag] = record
        now = self.services.timers.now
        for record in latest.values():
            if record.until > now:
                self._rebuild(record)

    def resume(self) -> None:
        """Tell every telephone anew, at random within some seconds; what ended is ended."""
        services = self.services
        for one in self.by_tag.values():
            services.timers.start(one, _END, one.until - services.timers.now)
            services.timers.start(one, _TELL, services.random.uniform(1.0, TOLD_WITHIN_S))

    def came(self, station: str, source: Address) -> None:
        """A telephone registered: those of its subscriptions that wait for it go on there.

        Others behind the same NAT wait for their own telephones.
        """
        waiting = [one for one in self._waiting.get(source.host, ()) if one.waits]
        for one in waiting:
            if one.subscriber in (station, ""):
                if source.reliable:
                    one.dialog.move(source)
                self.tell_again(one)
        left = [one for one in waiting if one.waits]
        if left:
            self._waiting[source.host] = left
        else:
            self._waiting.pop(source.host, None)

    def tell_again(self, one: Subscription) -> None:
        """Tell a telephone how things are after a restart, if it can be reached."""
        one.waits = not self.services.is_open(one.dialog.address)
        if not one.waits:
            self._notify(one, "active")

    def snapshot(self) -> list[tuple[str, bytes]]:
        """Records that say the same as all written so far."""
        return [
            (SUBSCRIPTION_KIND, _pack(one.record(until=one.until))) for one in self.by_tag.values()
        ]

    def _rebuild(self, record: SubscriptionRecord) -> None:
        dialog = Dialog.restore(record.dialog)
        one = Subscription(
            self,
            dialog,
            package=record.package,
            event=record.event,
            watched=record.watched,
            subscriber=record.subscriber,
        )
        dialog.local_cseq += JUMP
        one.version, one.until, one.waits = record.version + JUMP, record.until, True
        self.by_tag[dialog.local_tag] = one
        self._waiting.setdefault(dialog.source.host, []).append(one)
        self._by_watched.setdefault((one.package, one.watched), []).append(one)

    def _journal(self, one: Subscription, *, until: float) -> None:
        self.services.journal(SUBSCRIPTION_KIND, _pack(one.record(until=until)))

    def _notify(self, one: Subscription, state: str) -> None:
        services, dialog = self.services, one.dialog
        if one.waits:
            return  # it is told everything when it can be reached
        if state == "active":
            left = max(0, round(one.until - services.timers.now))
            state = f"active;expires={left}"
        if one.package == "dialog":
            kind, body = DIALOG_TYPE, self._dialog_info(one)
        else:
            kind, body = SUMMARY_TYPE, self._summary(one.watched)
        one.version += 1
        dialog.local_cseq += 1
        branch = services.branch()
        data = dialog.request(
            "NOTIFY",
            via=services.via_start + branch,
            number=dialog.local_cseq,
            headers=[
                services.contact,
                ("Event", one.event),
                ("Subscription-State", state),
                services.user_agent,
                ("Content-Type", kind),
            ],
            body=body,
        )
        services.count("sent_notify")
        services.transactions.open_client((branch, "NOTIFY"), data, dialog.address, user=one)

    def _dialog_info(self, one: Subscription) -> bytes:
        entity = f"sip:{one.watched}@{self.services.via_host}"
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{one.version}"'
            f' state="full" entity={quoteattr(entity)}>',
        ]
        for call in self.calls.of_station(one.watched):
            shown = _SHOWN.get(call.state)
            if shown is not None and not call.reported:
                lines.append(_dialog(call, shown, self.services.via_host))
        if self._others.get(one.watched):
            lines.append('<dialog id="1"><state>confirmed</state></dialog>')
        return "\r\n".join([*lines, "</dialog-info>", ""]).encode()


_pack: Final = msgspec.msgpack.Encoder().encode
_read: Final = msgspec.msgpack.Decoder(SubscriptionRecord).decode


def _dialog(call: Call, shown: Shown, host: str) -> str:
    """One call as the watched telephone sees it: its own tag is the local one."""
    theirs = call.dialog.remote_tag if call.dialog is not None else ""
    tags = f" call-id={quoteattr(call.ref)} remote-tag={quoteattr(call.local_tag)}"
    if theirs:
        tags += f" local-tag={quoteattr(theirs)}"
    direction = "initiator" if call.inbound else "recipient"
    other = f"sip:{call.ani or 'anonymous'}@{host}"
    remote = "" if call.inbound else f"<remote><identity>{escape(other)}</identity></remote>"
    return (
        f'<dialog id={quoteattr(call.local_tag)}{tags} direction="{direction}">'
        f"<state>{shown.value}</state>{remote}</dialog>"
    )


def _user(uri: str) -> str:
    try:
        return parse_uri(uri).user
    except WireError:
        return ""
