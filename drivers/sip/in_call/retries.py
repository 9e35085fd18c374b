"""Whether an INVITE that was refused is worth another: with credentials, or refreshed less often."""

from cython_ext.sip_wire import Message
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.services import Headers, Services
from drivers.sip.in_call.requests import answer_challenge
from drivers.sip.in_call.session_timer import SessionTimers


class Retries:
    """Decides; sending is the business of who sent the first one."""

    def __init__(self, services: Services, timers: SessionTimers) -> None:
        self.services = services
        self.timers = timers

    def answer(self, call: Call, message: Message) -> Headers | None:
        """What to add to the INVITE so that this refusal does not come again; None: no use."""
        session = call.session
        if call.state is CallState.CANCELLING or session is None:
            return None
        if message.status == 422:  # RFC 4028 7.3
            return [] if self.timers.raise_interval(call, message) else None
        if message.status not in (401, 407) or call.peer.is_station:
            return None
        trunk = self.services.trunk(call.peer.name)
        if trunk is None or not trunk.username:
            return None
        value = answer_challenge(
            message,
            username=trunk.username,
            password=trunk.password,
            method="INVITE",
            uri=call.uri,
            cnonce=self.services.token(),
            body=session.described(),
            tries=call.auth_tries,
        )
        if value is None:
            return None
        call.auth_tries += 1
        return [value]
