"""What the console's handlers share: the facade, the live mirror, the site's settings."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
from sanic import Config, Request, Sanic
from sanic.request import RequestParameters

from daemon.service.api import Service
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, Session

if TYPE_CHECKING:
    from admin.live import LiveHub
    from admin.records import Records


REMEMBERED_S: Final = 3.0  # how long an answer of control about a secret is believed
REMEMBERED_AWAY_S: Final = 120.0  # and while control cannot be asked
MOST_REMEMBERED: Final = 2000


class ConsoleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the console, from ``[site]`` and ``[web]``."""

    site: Path
    """The site directory: recordings are read from it, uploads go to ``incoming/``."""
    name: str = "hookflash"
    zone: ZoneInfo = ZoneInfo("UTC")
    language: str = "en"
    secure: bool = False
    """Served over TLS: cookies are marked Secure."""
    rate: float = 30.0
    """Requests a second that one address may send, on average."""
    metrics_from: tuple[str, ...] = ()
    """Addresses and networks that may read ``/metrics`` without a token."""


class SessionCache:
    """Answers of control about secrets, for a few seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Session]] = {}

    async def find(self, service: Service, secret: str, now: float, *, token: bool) -> Session:
        """The person behind a secret; ServiceError when there is none."""
        key = ("token:" if token else "session:") + secret
        known = self._known.get(key)
        if known is not None and now - known[0] < REMEMBERED_S:
            return known[1]
        try:
            person = await (service.token_session(secret) if token else service.session(secret))
        except ServiceError as error:
            away = error.code == "unavailable"
            if known is None or not away or now - known[0] > REMEMBERED_AWAY_S:
                raise
            return known[1]  # while control restarts, people keep looking at their pages
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = (now, person)
        return person

    def forget(self) -> None:
        """Ask control again next time: somebody logged out or changed."""
        self._known.clear()


class ConsoleContext:
    """One of these an app; made before the server starts."""

    def __init__(
        self,
        service: Service,
        records: "Records",
        hub: "LiveHub",
        options: ConsoleOptions,
        clock: Callable[[], float],
    ) -> None:
        self.service = service
        self.records = records
        self.hub = hub
        self.options = options
        self.clock = clock
        self.sessions = SessionCache()


class RequestContext(SimpleNamespace):
    """Who asks, in which language; filled by the middleware."""

    def __init__(self) -> None:
        super().__init__()
        self.language = "en"
        self.theme = "auto"
        self.person: Session | None = None
        self.secret = ""
        """The session's secret, from the cookie; empty for guests and tokens."""
        self.via = "session"
        self.csrf = ""
        self.unread = False
        """The body is too large and was refused unread, with the token in it."""
        self.guest = ""
        """Value of a new guest cookie to set; empty when there is one."""


ConsoleApp = Sanic[Config, ConsoleContext]


class ConsoleRequest(Request[ConsoleApp, RequestContext]):
    """A request with typed contexts."""

    @staticmethod
    def make_context() -> RequestContext:
        """One fresh context a request."""
        return RequestContext()

    @property
    def console(self) -> ConsoleContext:
        """The app's context."""
        return self.app.ctx

    @property
    def actor(self) -> Actor:
        """Who asks, as control audits it; only behind ``needs``."""
        assert self.ctx.person is not None
        return Actor(login=self.ctx.person.login, address=self.ip, via=self.ctx.via)

    def field(self, name: str) -> str:
        """A field of the form as typed; empty when it was not sent."""
        try:
            form = self.form or RequestParameters()
        except ValueError:
            return ""  # a multipart body that is none; without its token it is refused
        return str(form.get(name) or "")

    @property
    def roles(self) -> frozenset[str]:
        """The roles of who asks; empty for a guest."""
        return frozenset(self.ctx.person.roles) if self.ctx.person else frozenset()
