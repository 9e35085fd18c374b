"""Telephones on connections: what a lost one takes with it, and who comes back on a new one.

A telephone over TCP, TLS or WebSocket is reached by the connection it registered on and by no
other (RFC 5626 5.3). When that is gone its registrations are void; its calls stay and go on by
the connection of its next registration.
"""

from collections.abc import Callable, Iterable

from drivers.sip.core.call import Call, CallState
from drivers.sip.core.calls import Calls
from drivers.sip.core.services import Services
from drivers.sip.journal.records import BindingRecord
from drivers.sip.stations.registrar import Registrar
from drivers.sip.transport.address import Address


class StationFlows:
    """Calls whose telephone is away for the moment."""

    def __init__(
        self,
        services: Services,
        calls: Calls,
        registrar: Registrar,
        *,
        withdraw: Callable[[Call], None],
    ) -> None:
        self.services = services
        self.calls = calls
        self.registrar = registrar
        self._withdraw = withdraw
        self._away: dict[str, list[Call]] = {}

    def lost(self, address: Address) -> None:
        """A connection is gone: its calls wait, its registrations end."""
        calls = [call for call in self.calls.all() if _source(call) == address]
        self._leave(calls)
        self.registrar.flow_lost(address)
        for station in {call.peer.name for call in calls if call.peer.is_station}:
            # A telephone whose network changed is often back before its old connection ends.
            for record in self.registrar.find_all(station):
                self.came(record)

    def restored(self) -> None:
        """After a restart no connection of before stands any more."""
        self._leave(self.calls.all())
        for record in self.registrar.records():
            if record.source.reliable:
                self.registrar.flow_lost(record.source)

    def came(self, record: BindingRecord) -> None:
        """A telephone registered: calls it left behind go on by this connection."""
        waiting = self._away.pop(record.station, None)
        if waiting is None:
            return
        alone = len(self.registrar.find_all(record.station)) == 1
        left: list[Call] = []
        for call in waiting:
            if _source(call) is None or call.state is CallState.ENDED:
                continue
            target = call.uri if call.dialog is None else call.dialog.target
            if alone or _bare(target) == _bare(record.contact):
                self._move(call, record.source)
                self.services.count("flow_found_again")
            else:
                left.append(call)
        if left:
            self._away[record.station] = left

    def _move(self, call: Call, source: Address) -> None:
        if call.dialog is not None:
            call.dialog.move(source)
            return
        # It still rings there: the CANCEL had no connection to go by.
        call.address = source
        if call.transaction is not None:
            call.transaction.address = source
        self._withdraw(call)

    def _leave(self, calls: Iterable[Call]) -> None:
        for call in calls:
            source = _source(call)
            if call.peer.is_station and source is not None and source.reliable:
                self._away.setdefault(call.peer.name, []).append(call)


def _source(call: Call) -> Address | None:
    if call.dialog is not None:
        return call.dialog.source
    return call.place if call.state is CallState.CANCELLING else None


def _bare(uri: str) -> str:
    """A Contact without parameters, which may differ between REGISTER and INVITE."""
    return uri.partition(";")[0]
