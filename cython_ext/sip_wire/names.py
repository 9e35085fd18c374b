"""Header names: the compact forms, the usual spelling, and which headers are lists."""

from functools import lru_cache
from typing import Final

_KNOWN: Final = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
    "Content-Type", "CSeq", "Date", "Diversion", "Error-Info", "Event", "Expires", "From",
    "History-Info", "In-Reply-To", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE",
    "Organization", "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Recv-Info", "Refer-Sub", "Refer-To", "Referred-By", "Replaces", "Reply-To",
    "Require", "Retry-After", "Route", "RSeq", "Server", "Service-Route", "Session-Expires",
    "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State", "Supported", "Timestamp", "To",
    "Unsupported", "User-Agent", "User-to-User", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip

# The registry of compact forms: RFC 3261, 3515, 3892, 4028, 6665 and 3841.
_COMPACT: Final = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
    "y": "Identity",
}  # fmt: skip

_LISTS: Final = frozenset({
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
    "Allow-Events", "Call-Info", "Contact", "Content-Encoding", "Content-Language", "Diversion",
    "Error-Info", "History-Info", "In-Reply-To", "P-Asserted-Identity", "P-Preferred-Identity",
    "Path", "Proxy-Require", "Reason", "Record-Route", "Recv-Info", "Reject-Contact", "Require",
    "Route", "Service-Route", "Supported", "Unsupported", "User-to-User", "Via", "Warning",
})  # fmt: skip

CANONICAL: Final[dict[str, str]] = {
    name.lower(): name for name in (*_KNOWN, *_LISTS, *_COMPACT.values())
} | _COMPACT


def spelled(name: str) -> str:
    """Return the usual spelling of a header name; an unknown one comes back as it is."""
    return CANONICAL.get(name) or CANONICAL.get(name.lower(), name)


canonical_name: Final = lru_cache(maxsize=512)(spelled)
"""The same with a memory, for the builder: each message has the same few names."""


def is_list_header(canonical: str) -> bool:
    """Say whether commas separate values in this header."""
    return canonical in _LISTS
