"""Ports whose keys come by DTLS, and whose peer is found by ICE (RFC 5763, RFC 8445)."""

import secrets
import string
from collections.abc import Sequence
from typing import Final, NamedTuple

from cython_ext.media import _media
from cython_ext.media._media import Core
from cython_ext.media.clips import EngineError, accepted
from cython_ext.media.held import Transport
from cython_ext.media.owner import Owner
from cython_ext.media.reported import Event

_ICE_CHARS: Final = string.ascii_letters + string.digits + "+/"  # RFC 8839 5.4
_UFRAG: Final = 8  # characters, 48 bits; RFC 8445 5.3 asks for 24
_PASSWORD: Final = 24  # 144 bits; it asks for 128
_LEAST: Final = (4, 22)  # characters that anybody's must have
_MOST: Final = 256
# RFC 8122 5: of what is offered the strongest digest counts, and any certificate under it.
_DIGESTS: Final = {"sha-512": 64, "sha-384": 48, "sha-256": 32}
_MOST_FINGERPRINTS: Final = 4
_CODES: Final = ("", "selected", "connected", "failed", "closed")
_CAUSES: Final = ("", "timeout", "certificate", "profile", "alert", "protocol")
_SUITES: Final = ("", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM")


class Secured(NamedTuple):
    """What our description says of a port: certificate, and ICE when it is used."""

    fingerprint: str
    """``sha-256 AB:CD:...``, as SDP writes it."""
    ufrag: str
    password: str

    def __repr__(self) -> str:
        return f"Secured({self.fingerprint}, {self.ufrag})"  # passwords belong into no log


def digests(fingerprints: Sequence[str]) -> list[bytes]:
    """Digests of the strongest kind among ``sha-256 AB:CD:...``; EngineError without any."""
    found: dict[str, list[bytes]] = {}
    for text in fingerprints:
        name, _, value = text.strip().partition(" ")
        size = _DIGESTS.get(name.lower())
        if size is None:
            continue
        try:
            digest = bytes.fromhex(value.strip().replace(":", ""))
        except ValueError:
            digest = b""
        if len(digest) != size:
            raise EngineError("bad-argument", f"{text!r} is no fingerprint")
        found.setdefault(name.lower(), []).append(digest)
    for name in _DIGESTS:
        if name in found:
            return found[name][:_MOST_FINGERPRINTS]
    raise EngineError("fingerprint", f"none of {list(fingerprints)} is SHA-256, 384 or 512")


def _check_ice(ufrag: str, password: str) -> None:
    for text, least in zip((ufrag, password), _LEAST, strict=True):
        if not least <= len(text) <= _MOST or set(text) - set(_ICE_CHARS):
            raise EngineError("bad-argument", f"ICE does not allow the ufrag or password {ufrag!r}")


class Securing(Owner):
    """The part of an engine that gives ports ICE and DTLS."""

    _core: Core
    _fingerprint = ""

    def open_dtls(
        self, port: int, *, ice: bool = True, ufrag: str = "", password: str = ""
    ) -> Secured:
        """Take the keys of a port from DTLS; what is not given is made.

        Asked again it restarts ICE with other credentials; the association stays.
        """
        found = self._port(port)
        if not found.is_rtp or found.srtp is not None:
            raise EngineError("bad-argument", f"port {port} has other keys or carries no RTP")
        if ice:
            ufrag = ufrag or "".join(secrets.choice(_ICE_CHARS) for _ in range(_UFRAG))
            password = password or "".join(secrets.choice(_ICE_CHARS) for _ in range(_PASSWORD))
            _check_ice(ufrag, password)
        else:
            ufrag = password = ""
        if found.transport is None:
            self._open(port, ufrag, password)
        elif found.transport.ice != ice:
            raise EngineError("bad-argument", f"port {port} cannot begin or end ICE in a call")
        elif ice:
            self._core.restart_transport(found.transport.handle, ufrag, password)
        return Secured(f"sha-256 {self._fingerprint}", ufrag, password)

    def _open(self, port: int, ufrag: str, password: str) -> None:
        found = self._port(port)
        opened = self._core.open_transport(found, ufrag, password)
        accepted(opened is not None)
        if opened is not None:
            handle, self._fingerprint = opened
            found.transport = Transport(handle, ice=bool(ufrag))

    def connect_dtls(
        self,
        port: int,
        *,
        client: bool,
        fingerprints: Sequence[str],
        ufrag: str = "",
        host: str = "",
        rtp_port: int = 0,
    ) -> None:
        """Tell who the peer is: the handshake may begin, as client (active) or server (passive).

        ``ufrag`` is the peer's, with ICE; the address counts without it, an empty host is learnt
        from the peer's first datagram. Other fingerprints than before are refused.
        """
        transport = self._transport(port)
        described = (client, digests(fingerprints))
        if transport.described is not None and transport.described != described:
            raise EngineError("dtls-connected", f"port {port} has its association already")
        if client and not transport.ice and not host:
            raise EngineError("bad-argument", f"port {port} does not know whom to shake hands with")
        try:
            self._core.describe_peer(
                transport.handle, ufrag, described[1], host, rtp_port, client=client
            )
        except ValueError as error:
            raise EngineError("bad-argument", str(error)) from error
        if transport.described is None:
            transport.state = "connecting"
        transport.described = described

    def _transport(self, port: int) -> Transport:
        found = self._port(port).transport
        if found is None:
            raise EngineError("bad-argument", f"port {port} has no DTLS")
        return found

    def dtls_state(self, port: int) -> str:
        """new, connecting, connected, failed or closed; empty for a port without DTLS."""
        found = self._port(port).transport
        return "" if found is None else found.state

    def _muxed(self, port: int, *, rtcp_mux: bool, keys: bool) -> bool:
        """Whether reports share the socket: with DTLS always; it brings its own keys."""
        secured = self._port(port).transport is not None
        if secured and keys:
            raise EngineError("bad-argument", f"port {port} has its keys from DTLS")
        return rtcp_mux or secured

    def _transport_figures(self, port: int) -> dict[str, float]:
        transport = self._port(port).transport
        return {} if transport is None else self._core.transport_figures(transport.handle)[0]

    def _transport_event(
        self, kind: int, _number: int, port: int, code: int, value: int, _source: int
    ) -> Event | None:
        """None for another event; ("transport", port, what, detail, peer's port).

        The detail is the peer's host (selected), the suite (connected) or the cause (failed).
        Of a port that was closed meanwhile only ("transport",) is told.
        """
        if kind != _media.ON_TRANSPORT:
            return None
        try:
            transport = self._transport(port)
        except EngineError:
            return ("transport",)  # closed while the event was on its way
        what = _CODES[code]
        if what == "selected":
            _, host, remote = self._core.transport_figures(transport.handle)
            self._port(port).remote = (host, remote)
            return ("transport", port, what, host, remote)
        transport.state = what
        detail = {"connected": _SUITES, "failed": _CAUSES}.get(what)
        return ("transport", port, what, detail[value] if detail else "", 0)
