"""Session timers (RFC 4028): who refreshes a call, how often, and when it counts as dead."""

from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import cause_for
from drivers.sip.core.services import Headers, Services
from drivers.sip.in_call.ending import Ending
from drivers.sip.in_call.requests import Requests

SHORTEST: Final = 90  # s, RFC 4028 5: nobody may ask for less
EARLY: Final = 32.0  # s before the end at which a call without refresh is hung up (10)
BUSY_RETRY: Final = 2.0  # s until a refresh is tried again that met an open exchange
REFUSED_RETRY: Final = 10.0  # s after a refresh was refused for a reason that may pass
_LONGEST: Final = 86_400  # s


Asked = tuple[int, str]
"""A Session-Expires header: seconds, 0 without a usable one; and the refresher, ``uac`` or
``uas``, empty when left to the server."""


def asked(message: Message) -> Asked:
    """What a message says about the session's interval."""
    value = message.header("Session-Expires")
    if value is None:
        return 0, ""
    seconds, _, params = value.partition(";")
    refresher = ""
    for part in params.split(";"):
        name, _, said = part.partition("=")
        if name.strip().lower() == "refresher" and said.strip().lower() in {"uac", "uas"}:
            refresher = said.strip().lower()
    return _seconds(seconds), refresher


def least(message: Message) -> int:
    """The Min-SE of a message, never less than the RFC's least."""
    return max(SHORTEST, _seconds(message.header("Min-SE") or ""))


def supports(message: Message, option: str) -> bool:
    """Whether the sender of a message knows an extension."""
    for name in ("Supported", "Require"):
        for value in message.headers(name):
            if value.strip().lower() == option:
                return True
    return False


class SessionTimers:
    """The timers of every call that agreed on some."""

    def __init__(
        self, services: Services, calls: Calls, requests: Requests, ending: Ending
    ) -> None:
        self.services = services
        self.calls = calls
        self.requests = requests
        self.ending = ending
        self.refresh_by_invite: Callable[[Call], bool] = _cannot
        """Refresh by re-INVITE; False while another exchange is open. Set by who makes them."""

    # What goes into and comes out of INVITE, UPDATE and their 2xx

    def request_headers(self, call: Call) -> Headers:
        """What we ask for in an INVITE, re-INVITE or UPDATE of ours."""
        options = self.services.options
        interval = call.interval or max(options.session_expires_s, call.min_se)
        if not options.session_expires_s:
            return []
        role = ""
        if call.interval:  # agreed: the roles stay as they are (7.4)
            role = ";refresher=uac" if call.refreshes else ";refresher=uas"
        found = [("Session-Expires", f"{interval}{role}")]
        wanted_least = max(call.min_se, options.session_expires_min_s)
        if wanted_least > SHORTEST:
            found.append(("Min-SE", str(wanted_least)))
        return found

    def too_brief(self, message: Message) -> Headers | None:
        """The Min-SE of a 422 when a request asks for refreshes too often (9)."""
        interval, _ = asked(message)
        least_s = max(SHORTEST, self.services.options.session_expires_min_s)
        # A client that does not know the extension could make nothing of a 422.
        if interval and interval < least_s and supports(message, "timer"):
            return [("Min-SE", str(least_s))]
        return None

    def agree_as_server(self, call: Call, message: Message) -> Headers:
        """Settle the timer of a request we answer with 2xx; returns what goes into that."""
        note_methods(call, message)
        interval, refresher = asked(message)
        ours = self.services.options.session_expires_s
        knows = supports(message, "timer")
        if not ours or not (interval or knows):
            self._stop(call)
            return []
        least_s = max(least(message), self.services.options.session_expires_min_s)
        interval = max(min(interval, ours), least_s) if interval else max(ours, least_s)
        # 9, table 2: a client that does not know the extension cannot be the refresher.
        refresher = (refresher or "uac") if knows else "uas"
        self._begin(call, interval, refreshes=refresher == "uas")
        found = [("Session-Expires", f"{interval};refresher={refresher}")]
        if refresher == "uac":
            found.append(("Require", "timer"))
        return found

    def agree_as_client(self, call: Call, message: Message) -> None:
        """Take what the 2xx to a request of ours says."""
        note_methods(call, message)
        interval, refresher = asked(message)
        if interval >= SHORTEST:
            self._begin(call, interval, refreshes=refresher != "uas")
        else:
            self._stop(call)  # 7.2: the session does not expire

    def raise_interval(self, call: Call, message: Message) -> bool:
        """Take the Min-SE of a 422; False when asking again is no use (7.3)."""
        wanted = least(message)
        if wanted <= call.min_se or wanted > _LONGEST:
            return False
        call.min_se = wanted
        call.interval = max(call.interval, wanted) if call.interval else 0
        return True

    def resume(self, call: Call) -> None:
        """Go on with a restored call: refresh it soon, each at its own moment."""
        if call.interval and call.state is CallState.CONFIRMED:
            self._begin(call, call.interval, refreshes=call.refreshes)
            if call.refreshes:
                spread = self.services.random.random() * call.interval / 8
                self.services.timers.start(call, CallTimer.SESSION_REFRESH, spread)

    # Deadlines

    def refresh(self, call: Call) -> None:
        """Half of the interval is over: refresh by UPDATE, or by re-INVITE (7.4)."""
        if call.state is not CallState.CONFIRMED or call.dialog is None:
            return
        if call.takes_update:
            headers = [self.services.contact, *self.request_headers(call)]
            headers += [self.services.supported]
            self.calls.save_next(call)
            self.requests.send(call, "UPDATE", headers, finished=self._refreshed)
        elif not self.refresh_by_invite(call):
            self.services.timers.start(call, CallTimer.SESSION_REFRESH, BUSY_RETRY)

    def expire(self, call: Call) -> None:
        """Nobody refreshed the call: hang up (10)."""
        self.services.count("session_expired")
        if self.calls.step(call, CallInput.RELEASE):
            self.calls.report_end(call, Cause.TIMER_EXPIRED, "session expired")
            if call.state is CallState.ENDING:
                self.ending.send_bye(call, Cause.TIMER_EXPIRED)

    def _refreshed(self, call: Call, number: int, message: Message | None) -> None:
        if call.state is not CallState.CONFIRMED:
            return
        status = 408 if message is None else message.status
        if message is not None and status < 300:
            if call.dialog is not None:
                call.dialog.refresh_target(message)
            self.agree_as_client(call, message)
        elif status in (408, 481):
            self.ending.lost(call, cause_for(status), gone=status == 481)
        elif status in (405, 501):
            call.takes_update = False
            self.refresh(call)
        elif status == 422 and message is not None and self.raise_interval(call, message):
            self.refresh(call)
        else:
            self.services.timers.start(call, CallTimer.SESSION_REFRESH, REFUSED_RETRY)

    def _begin(self, call: Call, interval: int, *, refreshes: bool) -> None:
        call.interval, call.refreshes = interval, refreshes
        timers = self.services.timers
        call.stop(CallTimer.SESSION_REFRESH)
        if refreshes:
            timers.start(call, CallTimer.SESSION_REFRESH, interval / 2)
        timers.start(call, CallTimer.SESSION_END, interval - min(EARLY, interval / 3))

    def _stop(self, call: Call) -> None:
        call.interval, call.refreshes = 0, False
        call.stop(CallTimer.SESSION_REFRESH, CallTimer.SESSION_END)


def _cannot(call: Call) -> bool:
    return False


def note_methods(call: Call, message: Message) -> None:
    """Remember whether the peer takes UPDATE; a message without Allow changes nothing."""
    allowed = message.headers("Allow")
    if allowed:
        call.takes_update = "UPDATE" in allowed


def _seconds(text: str) -> int:
    text = text.partition(";")[0].strip()
    return min(int(text), _LONGEST) if text.isascii() and text.isdigit() and len(text) < 10 else 0
