"""Who calls whom: From, P-Asserted-Identity, Privacy and Diversion of an INVITE."""

from typing import Final

import msgspec

from cython_ext.sip_wire import Message, WireError, parse_name_addr, parse_uri

_FORWARDING: Final = {
    "unconditional": "cfu",
    "user-busy": "cfb",
    "no-answer": "cfna",
    "do-not-disturb": "cfb",
    "unavailable": "cfna",
    "time-of-day": "cfu",
}
"""Reasons of a Diversion header (RFC 5806) in the words of ``Ringing.reason``."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What an INVITE says about its parties; the fields are those of ``Ringing``."""

    ani: str = ""
    name: str = ""
    dnis: str = ""
    redirecting: str = ""
    reason: str = ""
    restricted: bool = False


def identify(message: Message, *, trusted: bool) -> Identity:
    """Read the parties; only a trunk is ``trusted`` to assert who calls (RFC 3325)."""
    ani, name = _party(message.header("From") or "")
    restricted = ani.lower() == "anonymous" or name.lower() == "anonymous"
    if trusted:
        asserted = message.headers("P-Asserted-Identity")
        for value in asserted:
            found, display = _party(value)
            if found:
                ani, name = found, display or name
                break
    privacy = message.header("Privacy")
    if privacy is not None:
        wishes = {part.strip().lower() for part in privacy.split(";")}
        restricted = restricted or not wishes.isdisjoint({"id", "user", "header"})
    if restricted:
        ani, name = "", ""
    redirecting, reason = _diversion(message) if trusted else ("", "")
    return Identity(
        ani=ani,
        name=name,
        dnis=number_of(message.uri),
        redirecting=redirecting,
        reason=reason,
        restricted=restricted,
    )


def number_of(uri: str) -> str:
    """User part of a URI, unescaped; empty when there is none."""
    try:
        return parse_uri(uri).user
    except WireError:
        return ""


def _party(value: str) -> tuple[str, str]:
    try:
        party = parse_name_addr(value)
    except WireError:
        return "", ""
    return number_of(party.uri), _printable(party.display)


def _diversion(message: Message) -> tuple[str, str]:
    values = message.headers("Diversion")
    if not values:
        return "", ""
    try:
        top = parse_name_addr(values[0])  # the top one is the latest, RFC 5806 4
    except WireError:
        return "", ""
    reason = (top.params.get("reason") or "").lower()
    return number_of(top.uri), _FORWARDING.get(reason, "cf-unknown")


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
