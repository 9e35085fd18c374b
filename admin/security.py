"""What every answer carries and every address may do: headers, sizes and rate limits."""

from typing import Any, Final

from sanic.response import BaseHTTPResponse

from admin.auth import known
from admin.context import ConsoleApp, ConsoleRequest
from admin.errors import TooLarge, TooMany

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_UPLOAD: Final = 64 << 20  # bytes; half an hour of uncompressed speech
MOST_FORM: Final = 1 << 20  # bytes of all other requests, and of those who are not signed in
UPLOADS: Final = frozenset({"/faxes", "/prompts", "/api/v1/faxes"})
BURST_S: Final = 4.0  # seconds of the allowed rate that may come at once
MOST_ADDRESSES: Final = 10_000


class TokenBuckets:
    """How much each address may still ask for; time passed in."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = rate * BURST_S
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str, now: float) -> bool:
        """Use one request of an address; False when none is left."""
        left, at = self._buckets.get(address, (self._burst, now))
        left = min(self._burst, left + max(now - at, 0.0) * self._rate)
        if len(self._buckets) >= MOST_ADDRESSES:
            self._buckets.clear()
        if left < 1:
            self._buckets[address] = (left, now)
            return False
        self._buckets[address] = (left - 1, now)
        return True


def register(app: ConsoleApp) -> None:
    """Limit every address and put the headers on every answer."""
    buckets = TokenBuckets(app.ctx.options.rate)

    async def limit(request: ConsoleRequest) -> None:
        if not request.path.startswith("/static/") and not buckets.take(
            request.ip, request.console.clock()
        ):
            raise TooMany

    async def add_headers(request: ConsoleRequest, response: BaseHTTPResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.console.options.secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")

    async def limit_body(request: ConsoleRequest, **_: Any) -> None:
        # Bodies are read before any middleware runs, so who asks is looked up here already.
        if request.stream is not None:
            large = request.path in UPLOADS and await known(request)
            most = request.stream.request_max_size = MOST_UPLOAD if large else MOST_FORM
            announced = request.headers.get("content-length", "")
            if announced.isdigit() and int(announced) > most:
                request.ctx.unread = True
                raise TooLarge

    app.signal("http.routing.after")(limit_body)
    app.register_middleware(limit, "request")
    app.register_middleware(add_headers, "response")
