"""Who calls, for whom and why, in the headers of an INVITE: written, and read beyond From.

P-Asserted-Identity (RFC 3325), Privacy (3323), Diversion (5806), History-Info (7044 with the
causes of 4458), User-to-User (7433), Referred-By (3892), Replaces (3891), and own headers.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cython_ext.sip_wire import (
    Message,
    WireError,
    parse_name_addr,
    parse_uri,
    quote_string,
)
from drivers.api import CallDetails
from drivers.sip.core.happenings import Identity
from drivers.sip.core.request import printable
from drivers.sip.options import TrunkOptions
from drivers.sip.trunks.plan import rewrite
from drivers.sip.trunks.trunk import user_part

ANONYMOUS: Final = "sip:anonymous@anonymous.invalid"  # RFC 3323 4.1.1.3
LONGEST: Final = 512  # characters of a value that is passed through

_DIVERSION_REASONS: Final = {
    "cfu": "unconditional",
    "cfb": "user-busy",
    "cfna": "no-answer",
}
_FORWARDING_CAUSES: Final = {"cfu": 302, "cfb": 486, "cfna": 408}
_CAUSE_WORDS: Final = {
    **{cause: word for word, cause in _FORWARDING_CAUSES.items()},
    480: "cfna",
    487: "cfna",
    503: "cfna",
    600: "cfb",
}

Headers = list[tuple[str, str]]


def from_value(name: str, number: str, host: str, tag: str, *, restricted: bool) -> str:
    """The From of an INVITE of ours."""
    if restricted:
        return f'"Anonymous" <{ANONYMOUS}>;tag={tag}'
    shown = printable(name) or number
    display = f"{quote_string(shown)} " if shown else ""
    return f"{display}<sip:{user_part(number) or 'anonymous'}@{host}>;tag={tag}"


def identity_headers(
    details: CallDetails, trunk: TrunkOptions, *, number: str, called: str, host: str
) -> Headers:
    """What an INVITE to a trunk says besides From; ``number`` is the caller's, ``called`` a URI.

    To a trunk that is not trusted nothing is said of a caller who withholds the number.
    """
    found: Headers = []
    trusted = trunk.trust_identity
    me = f"<sip:{user_part(number)}@{host}>"
    if trunk.assert_identity and number and (trusted or not details.restricted):
        found.append(("P-Asserted-Identity", me))
    if details.restricted:
        found.append(("Privacy", "id"))
    if details.redirecting and trusted:
        found += _redirection(details, called, host, trunk.redirection)
    if details.uui and trusted:
        found += [("User-to-User", value) for value in _values(details.uui)]
    if details.referred_by:
        found += [("Referred-By", value) for value in _referrer(details.referred_by, host)]
    if details.replaces:
        found += [("Replaces", value) for value in _values(details.replaces)]
    named = {name.lower(): name for name in trunk.headers}
    for name, text in details.headers.items():
        if name.lower() in named:
            found += [(named[name.lower()], value) for value in _values(text)]
    return found


def _referrer(value: str, host: str) -> list[str]:
    """Who asked for the transfer, as somebody of ours: no telephone's address leaves."""
    try:
        user = parse_uri(parse_name_addr(value).uri).user
    except WireError:
        return []
    return [f"<sip:{user_part(user)}@{host}>"] if user else []


def known_of_trunk(identity: Identity, message: Message, trunk: TrunkOptions) -> Identity:
    """What was read of an INVITE, with what this trunk's options add and rewrite."""
    changes: dict[str, object] = {}
    if trunk.ani_rules and identity.ani:
        changes["ani"] = rewrite(trunk.ani_rules, identity.ani)
    if trunk.dnis_rules:
        changes["dnis"] = rewrite(trunk.dnis_rules, identity.dnis)
    if trunk.headers:
        changes["headers"] = own_headers(message, trunk.headers)
    if trunk.trust_identity:
        uui = user_to_user(message)
        if uui:
            changes["uui"] = uui
        if not identity.redirecting:
            redirecting, reason = history(message)
            if redirecting:
                changes |= {"redirecting": redirecting, "reason": reason}
    return msgspec.structs.replace(identity, **changes) if changes else identity


def history(message: Message) -> tuple[str, str]:
    """The number called first and why it was forwarded, from History-Info; else empty."""
    entries: list[tuple[str, str]] = []
    for value in message.headers("History-Info"):
        try:
            entry = parse_name_addr(value)
            uri = parse_uri(entry.uri)
        except WireError:
            continue
        reason = {name.lower(): text for name, text in uri.headers.items()}.get("reason", "")
        cause = uri.params.get("cause") or _sip_cause(reason)
        entries.append((printable(uri.user), cause))
    if len(entries) < 2 or not entries[0][0]:
        return "", ""
    # The reason stands with the target it led to, or with the one it was retargeted from.
    causes = [cause for _, cause in (*entries[1:], entries[0]) if cause.isdigit()]
    word = _CAUSE_WORDS.get(int(causes[0][:4]), "cf-unknown") if causes else "cf-unknown"
    return entries[0][0], word


def user_to_user(message: Message) -> str:
    """User-to-User values as written (RFC 7433 3), several joined by commas; empty when none."""
    text = ", ".join(value.strip() for value in message.headers("User-to-User"))
    return text if text.isprintable() and len(text) <= LONGEST else ""


def own_headers(message: Message, allowed: Sequence[str]) -> dict[str, str]:
    """The headers of a list that a message has, by the names of the list."""
    found: dict[str, str] = {}
    for name in allowed:
        value = message.header(name)
        if value is not None and value.isprintable() and len(value) <= LONGEST:
            found[name] = value
    return found


def _redirection(details: CallDetails, called: str, host: str, style: str) -> Headers:
    first = f"sip:{user_part(details.redirecting)}@{host}"
    found: Headers = []
    if style in ("diversion", "both"):
        reason = _DIVERSION_REASONS.get(details.reason, "unknown")
        found.append(("Diversion", f"<{first}>;reason={reason}"))
    if style in ("history-info", "both"):
        cause = _FORWARDING_CAUSES.get(details.reason, 404)
        target = f"{called};cause={cause}"
        found.append(("History-Info", f"<{first}>;index=1, <{target}>;index=1.1;mp=1"))
    return found


def _sip_cause(reason: str) -> str:
    protocol, _, rest = reason.partition(";")
    if protocol.strip().upper() != "SIP":
        return ""
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "cause":
            return value.strip()
    return ""


def _values(text: str) -> list[str]:
    """The text as a header value, unless it could end its line."""
    text = text.strip()
    return [text] if text and text.isprintable() and len(text) <= LONGEST else []
