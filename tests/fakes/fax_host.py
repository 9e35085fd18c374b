"""The fax host of media as control sees it; a test says how each fax goes."""

from collections.abc import Callable

from daemon.fax import messages as fax
from drivers.api import PortId

NO_PORT = PortId(0)
PACKETS = {"received": 500, "recovered": 2, "other_received": 300, "other_lost": 1}
"""What a conversation that is passed on counts."""


class FakeFaxHost:
    """Faxes that run, those asked for, and those that ended."""

    def __init__(self, new_port: Callable[[], PortId], tell: Callable[[bytes], None]) -> None:
        self.asked: list[fax.Request] = []
        self.running: dict[int, PortId] = {}
        self.over: dict[int, fax.FaxEnded] = {}
        self.sockets: set[int] = set()
        """Faxes with an open socket."""
        self.by_packets: set[int] = set()
        self.passed_on: dict[int, fax.PassT38] = {}
        """Conversations by T.38 that are passed on."""
        self.pages = 0
        self.reopened: list[int] = []
        """Ports at which sockets were opened again."""
        self.refusal: fax.FaxRefused | None = None
        self._new_port = new_port
        self._tell = tell

    def handle(self, payload: bytes) -> bytes:
        """Answer a request as the real host does."""
        request = fax.decode_request(payload)
        self.asked.append(request)
        if isinstance(request, fax.StopFax):
            self.sockets.discard(request.fax)
            started = [each.fax for each in self.asked if isinstance(each, fax.StartFax)]
            if request.fax in self.running:
                self.end(code=fax.DROPPED, pages=self.pages)
            if self.passed_on.pop(request.fax, None) is not None:
                ended = fax.FaxEnded(fax=request.fax, code=fax.OK, t38=True, packets=PACKETS)
                self.over[request.fax] = ended
                self._tell(fax.encode(ended))
                return fax.encode(fax.FaxStopped())
            return fax.encode(fax.FaxStopped(ends=request.fax in started))
        if isinstance(request, fax.AskFax):
            return fax.encode(self._ask(request.fax))
        if self.refusal is not None:
            return fax.encode(self.refusal)
        if isinstance(request, fax.OpenT38):
            self.sockets.add(request.fax)
            if request.port:
                self.reopened.append(request.port)
                return fax.encode(fax.T38Opened(host="192.0.2.1", port=request.port))
            return fax.encode(fax.T38Opened(host="192.0.2.1", port=7000 + len(self.sockets)))
        if isinstance(request, fax.PassT38):
            self.sockets -= {request.fax, request.other}
            if request.gateway:
                self.end(code=fax.DROPPED, pages=self.pages)
            self.passed_on[request.fax] = request
            places = () if request.gateway else (7001, 7002)
            return fax.encode(fax.FaxStarted(places=places))
        if request.fax in self.over:
            self._tell(fax.encode(self.over[request.fax]))
            return fax.encode(fax.FaxStopped())
        port = self.running.setdefault(request.fax, self._new_port())
        if request.t38 is not None or request.fax in self.by_packets:
            self.by_packets.add(request.fax)
            self.sockets.discard(request.fax)  # its worker has it now
            port = port if request.way == "gateway" else NO_PORT
        return fax.encode(fax.FaxStarted(port=port))

    def _ask(self, number: int) -> fax.Reply:
        if number in self.running or number in self.passed_on:
            return fax.FaxStarted()
        if number in self.over:
            self._tell(fax.encode(self.over[number]))
        return fax.FaxStopped(ends=number in self.over)

    def restart(self) -> None:
        """The media process is a new one."""
        for held in (self.running, self.passed_on, self.over, self.by_packets, self.sockets):
            held.clear()

    def progress(self, pages: int) -> None:
        """So many pages are whole."""
        self.pages = pages
        [number] = self.running
        event = fax.FaxProgress(
            fax=number,
            pages=pages,
            rate=14400,
            ecm=True,
            station="5550100",
            t38=number in self.by_packets,
            slips=1,
            gaps=2,
        )
        self._tell(fax.encode(event))

    def end(self, *, code: int = fax.OK, pages: int = 1) -> None:
        """The fax that runs is over."""
        [number] = self.running
        del self.running[number]
        ended = fax.FaxEnded(
            fax=number,
            code=code,
            pages=pages,
            rate=14400,
            station="5550100",
            t38=number in self.by_packets,
        )
        self.over[number] = ended
        self._tell(fax.encode(ended))


class FaxWatch:
    """The part of a fake link that listens for fax tones."""

    watched: frozenset[PortId] = frozenset()

    async def watch_fax(self, port: PortId, *, on: bool) -> None:
        self.watched = self.watched | {port} if on else self.watched - {port}
