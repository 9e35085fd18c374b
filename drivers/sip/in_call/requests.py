"""Our own requests within a dialog, asked again with credentials when the peer wants some."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cython_ext.sip_wire import Message
from drivers.sip.auth import credentials
from drivers.sip.core.services import Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.transaction import ClientTransaction

if TYPE_CHECKING:
    from drivers.sip.core.call import Call

AUTH_TRIES: Final = 2  # a second one only for a nonce that went stale on the way

Finished = Callable[["Call", int, Message | None], None]
"""Told each final response with the CSeq number of its request; None: nobody answered."""


class DialogRequest:
    """One request of ours, through its transactions, until its final response."""

    __slots__ = (
        "body",
        "call",
        "dialog",
        "finished",
        "headers",
        "method",
        "number",
        "requests",
        "transaction",
        "tries",
    )

    def __init__(
        self,
        requests: "Requests",
        call: "Call",
        dialog: Dialog,
        method: str,
        headers: Headers,
        body: bytes,
        finished: Finished,
    ) -> None:
        self.requests = requests
        self.call = call
        self.dialog = dialog
        self.method = method
        self.headers = headers
        self.body = body
        self.finished = finished
        self.number = 0
        self.tries = 0
        self.transaction: ClientTransaction | None = None

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Hand a final response on, unless it asks for credentials that we have."""
        status = message.status
        if status < 200:
            return
        if status in (401, 407) and transaction is self.transaction:
            value = self.requests.answer_challenge(self, message)
            if value is not None:
                self.tries += 1
                self.requests.transmit(self, [value])
                return
        self.finished(self.call, self.number, message)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Tell that nobody answered."""
        self.finished(self.call, self.number, None)

    def abandon(self) -> None:
        """Wait for its final response no longer."""
        if self.transaction is not None:
            self.transaction.abandon()


class Requests:
    """Sends requests within dialogs."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def send(
        self,
        call: "Call",
        method: str,
        headers: Headers,
        *,
        finished: Finished,
        body: bytes = b"",
        dialog: Dialog | None = None,
    ) -> DialogRequest | None:
        """Send a request in the call's dialog, or in an early one; None without any."""
        place = dialog or call.dialog
        if place is None:
            return None
        request = DialogRequest(self, call, place, method, headers, body, finished)
        self.transmit(request, [])
        return request

    def transmit(self, request: DialogRequest, extra: Headers) -> None:
        """Send the request under the next number, as a new transaction."""
        services, dialog, method = self.services, request.dialog, request.method
        dialog.local_cseq += 1
        request.number = number = dialog.local_cseq
        branch = services.branch()
        via = services.via_start + branch
        lines = [*request.headers, *extra, services.user_agent]
        data = dialog.request(method, via=via, number=number, headers=lines, body=request.body)
        services.count(f"sent_{method.lower()}")
        request.transaction = services.transactions.open_client(
            (branch, method), data, dialog.address, user=request, invite=method == "INVITE"
        )

    def answer_challenge(self, request: DialogRequest, message: Message) -> tuple[str, str] | None:
        """Credentials for a request that was challenged (22.2); None when they are no use."""
        peer = request.call.peer
        trunk = None if peer.is_station else self.services.trunk(peer.name)
        if trunk is None or not trunk.username:
            return None
        return answer_challenge(
            message,
            username=trunk.username,
            password=trunk.password,
            method=request.method,
            uri=request.dialog.target,
            cnonce=self.services.token(),
            body=request.body,
            tries=request.tries,
        )


def answer_challenge(
    message: Message,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    body: bytes,
    tries: int,
) -> tuple[str, str] | None:
    """The header that answers a 401 or 407; None when another try is no use."""
    proxy = message.status == 407
    asked = message.headers("Proxy-Authenticate" if proxy else "WWW-Authenticate")
    if tries >= AUTH_TRIES:
        return None
    if tries and not any("stale=true" in value.lower() for value in asked):
        return None  # the same answer would be refused the same way
    value = credentials(
        asked, user=username, password=password, method=method, uri=uri, cnonce=cnonce, body=body
    )
    name = "Proxy-Authorization" if proxy else "Authorization"
    return None if value is None else (name, value)
