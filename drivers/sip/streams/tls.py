"""TLS of the SIP driver: certificates by name (SNI), and whose certificate a peer shows.

Which names count is RFC 5922: subjectAltName, and never a wildcard (7.2): who may sign one name
under a domain is not the carrier. A trunk whose certificate has nothing else may be told that
very entry, ``*.carrier.example``, as its ``tls_name``.
"""

import ipaddress
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.errors import DeviceMissing, DriverError

REREAD_S = 10.0  # s between two looks whether certificates were renewed
MINIMUM: Final = ssl.TLSVersion.TLSv1_2


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate of ours with its key, both PEM files."""

    certificate: str
    """File with the certificate and those between it and its authority."""
    private_key: str
    """File with its key, readable by us alone."""
    names: tuple[str, ...] = ()
    """Names by which clients ask for it (SNI), ``*.example.org`` for any one label more; the
    first certificate serves all others."""


class TlsContexts:
    """What we show and whom we believe, made anew when its files change.

    Connections that stand keep what they began with; DriverError when the files are not right.
    """

    def __init__(
        self,
        certificates: Sequence[Certificate],
        *,
        folder: Path,
        authorities: str,
        listens: bool,
        calls: bool,
    ) -> None:
        self._certificates = certificates
        self._folder = folder
        self._authorities = authorities
        self._listens = listens
        self._calls = calls
        self.every_s = REREAD_S
        """How often it is worth while to look."""
        self._seen = self._marks()
        self.server: ssl.SSLContext | None = None
        """For those who connect to us; None when nobody may by TLS."""
        self.client: ssl.SSLContext | None = None
        """For those whom we connect to."""
        self._make()

    def reread(self) -> bool:
        """Take files that changed; False when none did.

        DriverError when they are not right, told once: the contexts from before stay in force.
        """
        marks = self._marks()
        if marks == self._seen:
            return False
        self._seen = marks
        self._make()
        return True

    def _make(self) -> None:
        folder, authorities = self._folder, self._authorities
        server = client = None
        if self._listens:
            server = server_context(self._certificates, folder=folder, authorities=authorities)
        if self._calls:
            own = self._certificates[0] if self._certificates else None
            client = client_context(own, folder=folder, authorities=authorities)
        self.server, self.client = server, client

    def _marks(self) -> list[tuple[int, int, int] | None]:
        """What tells that a file is another one: also behind a link, as certbot leaves it."""
        names = [self._authorities] if self._authorities else []
        for one in self._certificates:
            names += [one.certificate, one.private_key]
        return [_mark(self._folder / name) for name in names]


def server_context(
    certificates: Iterable[Certificate], *, folder: Path, authorities: str
) -> ssl.SSLContext:
    """What our listeners show; with ``authorities`` peers may show a certificate of theirs."""
    made = [(one, _server(one, folder, authorities)) for one in certificates]
    if not made:
        raise DriverError("a listener for tls or wss needs a certificate: set certificates")
    by_name = {name.lower(): context for one, context in made for name in one.names}
    first = made[0][1]

    def choose(connection: ssl.SSLObject, name: str | None, asked: ssl.SSLContext) -> int | None:
        wanted = (name or "").lower()
        found = by_name.get(wanted) or by_name.get(f"*.{wanted.partition('.')[2]}")
        if found is not None:
            connection.context = found
        return None  # a name that is not ours gets the first certificate, as without SNI

    first.sni_callback = choose
    return first


def client_context(
    certificate: Certificate | None, *, folder: Path, authorities: str
) -> ssl.SSLContext:
    """How we call others: their certificate is always verified, ours shown when asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = MINIMUM
    # The name is compared by ``matches``, which also knows sip: names (RFC 5922 7.1).
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if authorities:
        _load_authorities(context, folder / authorities)
    else:
        context.load_default_certs()
    if certificate is not None:
        _load(context, certificate, folder)
    return context


def peer_names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Names and addresses a verified certificate stands for; none without one."""
    if not certificate:
        return ()
    found: list[str] = []
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "URI" and value.lower().startswith("sip:") and "@" not in value:
            found.append(value[4:].lower())
        elif kind == "DNS":
            found.append(value.lower())
        elif kind == "IP Address":
            found.append(_plain_address(value))
    if not found and not certificate.get("subjectAltName"):
        # RFC 5922 7.1: the common name counts only where there is no subjectAltName.
        for part in certificate.get("subject", ()):
            found += [value.lower() for key, value in part if key == "commonName"]
    return tuple(found)


def matches(wanted: str, certificate: Mapping[str, Any] | None) -> bool:
    """Whether a verified certificate is one of ``wanted``, a name or an IP address."""
    return _plain_address(wanted) in peer_names(certificate)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _server(one: Certificate, folder: Path, authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = MINIMUM
    _load(context, one, folder)
    if authorities:
        _load_authorities(context, folder / authorities)
        # Phones have none; a trunk that must have one is asked for it after the handshake.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _load(context: ssl.SSLContext, one: Certificate, folder: Path) -> None:
    certificate, key = folder / one.certificate, folder / one.private_key
    for path in (certificate, key):
        if not path.is_file():
            raise DeviceMissing(f"{path}: no such file; write the path of a PEM file")
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise DriverError(
            f"{certificate} with {key}: {_why(error)}; both must be PEM and belong together"
        ) from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    if not path.is_file():
        raise DeviceMissing(f"{path}: no such file; write the path of a PEM file")
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise DriverError(f"{path}: {_why(error)}; it must hold certificates as PEM") from error


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error).replace("_", " ").lower()


def _plain_address(text: str) -> str:
    """One spelling of an address, as certificates write IPv6 at length."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text.lower().rstrip(".")
