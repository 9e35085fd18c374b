"""Options of the SIP driver: where it listens, its trunks, codecs, limits and timers."""

import ipaddress

import msgspec

from drivers.errors import OptionsError
from drivers.sip.negotiation.formats import USUAL
from drivers.sip.negotiation.terms import Terms, codec_faults, srtp_faults, srtp_over
from drivers.sip.streams.tls import Certificate
from drivers.sip.transport.address import DEFAULT_PORTS, SECURE, WEBSOCKETS
from drivers.sip.transport.guesses import PRIVATE, office_faults
from drivers.sip.transport.listening import (
    Listen,
    address_of,
    is_loopback,
    listener_faults,
    parse_listen,
)
from drivers.sip.trunks.faults import trunk_faults
from drivers.sip.trunks.plan import GatewayOptions, NumberRule, prefix_faults

DIGESTS = ("MD5", "SHA-256")
"""Digest algorithms of stations (RFC 7616)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class StationAccount(msgspec.Struct, frozen=True):
    """What the driver knows of one agent's phone; secrets only as digest HA1."""

    name: str
    """User part of its address, also its line: ``station:NAME``."""
    ha1_md5: str = ""
    """MD5(name:realm:password) in hex; empty: this algorithm is not accepted."""
    ha1_sha256: str = ""
    """SHA-256(name:realm:password) in hex; empty: this algorithm is not accepted."""
    realm: str = ""
    """Realm the two were made for; empty: the driver's own realm."""


class TrunkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trunk: a carrier or exchange, recognised by where its messages come from."""

    name: str
    """Lines are called ``NAME/1`` to ``NAME/max_calls``."""
    addresses: tuple[str, ...] = ()
    """Source addresses or networks (``192.0.2.0/24``) whose calls belong to this trunk."""
    max_calls: int = 30
    """Conversations at the same time, both directions together."""
    codecs: tuple[str, ...] = USUAL
    """Codecs in order of preference: PCMA, PCMU, G722, L16 and OPUS. Unless it is transcoded,
    OPUS comes last and is only passed on between two telephones that have it."""
    transcode_opus: bool = False
    """Decode and code Opus in calls of this trunk, so that they hear prompts and every other
    telephone; costs about seven times the processor time of a prompt in G.711."""
    srtp: str = "allowed"
    """Encrypted audio with keys by SDES: ``off``, ``allowed`` (offered, and taken where it is
    offered) or ``required`` (a call without it is refused with 488)."""
    ptime_ms: int = 20
    """Audio in one packet that we ask for, 10 to 60; sent is what the peer asks for."""
    rtcp_mux: bool = False
    """Offer that RTCP shares the port of the audio (RFC 5761)."""
    comfort_noise: bool = False
    """Take comfort noise (RFC 3389): its peers may send nothing while somebody is silent."""
    target: str = ""
    """``address:port`` or name that outgoing calls are sent to; a name without a port is
    looked up by RFC 3263, a failing place followed by the next. Empty: incoming calls only."""
    transport: str = ""
    """``udp``, ``tcp`` or ``tls`` for calls to it; empty: ``udp``, for a name what DNS says.
    With ``tls`` calls from its addresses over anything else are refused."""
    tls_name: str = ""
    """Name that its certificate must have, in both directions; empty: the host of ``target``
    for calls out, and no certificate is asked for calls in."""
    number: str = ""
    """Caller number of outgoing calls that name none."""
    username: str = ""
    """Digest user of outgoing calls, when the carrier asks for one."""
    password: str = ""
    limit_per_s: float = 0.0
    """Messages a second from one source before they are dropped; 0: no limit."""
    reliable: bool = False
    """Ring reliably (RFC 3262) for callers who can; those who require it get it always."""
    hold: str = "sendonly"
    """How a peer is put on hold: ``sendonly`` (it hears our music), ``inactive``, or
    ``address`` (``c=0.0.0.0``, for peers older than RFC 3264)."""
    transfers: bool = False
    """Its calls may ask us to call others (REFER): only for an exchange of your own, since we
    pay for what it asks."""
    network_transfers: bool = False
    """It takes over calls that we transfer by REFER; else transfers are joined here."""
    gateways: tuple[GatewayOptions, ...] = ()
    """More places for outgoing calls, as addresses; tried after ``target`` when that fails."""
    options_every_s: float = 0.0
    """Each gateway is asked this often whether it lives (OPTIONS); 0: never."""
    register: bool = False
    """Register at it with ``username``; calls that come from where we register are its."""
    domain: str = ""
    """Domain of that registration; empty: the host of the gateway."""
    register_expires_s: int = 600
    """How long a registration is asked for; it is renewed in time."""
    dial_rules: tuple[NumberRule, ...] = ()
    """Rewrite numbers that we call."""
    caller_rules: tuple[NumberRule, ...] = ()
    """Rewrite the caller number of outgoing calls."""
    ani_rules: tuple[NumberRule, ...] = ()
    """Rewrite the caller number of incoming calls."""
    dnis_rules: tuple[NumberRule, ...] = ()
    """Rewrite the called number of incoming calls."""
    allowed: tuple[str, ...] = ()
    """Beginnings of the numbers that may be called, as they are sent; empty: all."""
    max_outgoing: int = 0
    """Outgoing calls at the same time; 0: only ``max_calls`` counts."""
    max_per_hour: int = 0
    """Outgoing calls begun within any hour; 0: no limit."""
    trust_identity: bool = True
    """Believe its P-Asserted-Identity, Diversion, History-Info and User-to-User, and send ours."""
    assert_identity: bool = False
    """Send P-Asserted-Identity, with ``Privacy: id`` for callers who withhold their number."""
    redirection: str = "diversion"
    """How it is told of the number called first: diversion, history-info, both or none."""
    headers: tuple[str, ...] = ()
    """Headers of your own that pass in both directions, such as ``X-Account``."""


class TimerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SIP timers in seconds (RFC 3261 17.1.1.1)."""

    t1: float = 0.5
    """Estimated round trip; everything else is a multiple of it."""
    t2: float = 4.0
    """Longest pause between two transmissions."""
    t4: float = 5.0
    """Longest time a message stays in the network."""


class SipOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the SIP driver can be told in a site's configuration."""

    listen: str | tuple[str, ...] = "127.0.0.1"
    """Address of the UDP socket, or a list of listeners such as ``udp:0.0.0.0:5060``,
    ``tcp:0.0.0.0:5060``, ``tls:[::]:5061``, ``ws:127.0.0.1:8088``, ``wss:192.0.2.1:443``."""
    port: int = 5060
    """UDP port when ``listen`` is an address alone; 0 takes any free one."""
    advertise: str | tuple[str, ...] = ""
    """Address written into Via and Contact, one of each IP version at most; empty: the
    listener's own (needed for UDP on ``0.0.0.0`` or ``[::]``)."""
    certificates: tuple[Certificate, ...] = ()
    """Ours for ``tls`` and ``wss``, paths from the site directory; the first serves all names
    that no other has, and is shown to carriers that ask."""
    authorities: str = ""
    """PEM file with those who may sign the certificates of carriers; empty: the system's for
    calls out, and none for calls in."""
    websocket_path: str = "/sip"
    """Path of ``ws`` and ``wss``; empty: any."""
    websocket_origins: tuple[str, ...] = ()
    """Web pages (``https://console.example``) that may open one; empty: all."""
    connections_max: int = 4096
    """TCP, TLS and WebSocket connections at the same time."""
    connections_per_source: int = 256
    """The same from one address; many telephones behind one NAT are one address."""
    large_by_tcp: bool = True
    """Requests over 1300 bytes go by TCP (RFC 3261 18.1.1) if there is a ``tcp`` listener."""
    new_calls_per_s: float = 0.0
    """Calls in a second that are taken; the others get 503 with Retry-After. 0: all."""
    ban_after: int = 20
    """Offences within a minute (calls without a right, bytes that are no SIP, wrong passwords for
    several accounts) after which a source is not listened to, and wrong passwords for one account
    within ten after which it is refused there; 0: never."""
    ban_s: float = 600.0
    """How long a first ban lasts, in seconds; each further one within a day doubles."""
    account_ban_after: int = 30
    """Wrong passwords for one user name within ten minutes, from any sources, after which it is
    heard from its registered telephones only; 0: never."""
    account_ban_s: float = 60.0
    """How long that lasts at first, in seconds; each further time within a day doubles."""
    offices: tuple[str, ...] = PRIVATE
    """Addresses or networks of telephones, such as ``198.51.100.7``: a name there that no station has
    is refused like a wrong password, and twenty names must fail before the source is banned."""
    bans_file: str = ""
    """File in the site directory that holds the bans as an nftables script; empty: none."""
    realm: str = "hookflash"
    """Digest realm of the stations."""
    digest_algorithms: tuple[str, ...] = ("MD5", "SHA-256")
    """Offered to stations in this order. Older phones only look at the first one, so put
    SHA-256 first, or leave MD5 out, where every phone knows it (RFC 8760)."""
    digest_qop: tuple[str, ...] = ("auth",)
    """``auth``, ``auth-int`` (which protects the body too), or both for stations to choose."""
    user_agent: str = "Hookflash"
    """Value of User-Agent and Server."""
    trunks: tuple[TrunkOptions, ...] = ()
    station_codecs: tuple[str, ...] = USUAL
    """Codecs of stations in order of preference."""
    station_transcode_opus: bool = False
    """Like a trunk's ``transcode_opus``, for all stations."""
    station_srtp: str | dict[str, str] = "allowed"
    """Like a trunk's ``srtp``, for all stations, or for those of each transport:
    ``{tls = "required", udp = "off"}``; those not named are ``allowed``."""
    browsers: bool = True
    """Stations that register over ``ws`` and ``wss`` are browsers: they are offered DTLS-SRTP
    with ICE, and take nothing else. False: they are telephones like others."""
    srtp_in_clear: bool = False
    """Write keys also into messages that are not encrypted (udp, tcp, ws): only where nobody
    else can read these. Else what is sent there counts as ``off``."""
    expires_min_s: int = 60
    """Shorter registrations are refused with 423."""
    expires_max_s: int = 3600
    """Longer registrations are cut to this."""
    expires_spread_percent: int = 10
    """Registrations last shorter by up to this share, at random, so that telephones which
    started together do not renew together."""
    max_contacts: int = 4
    """Phones that may register for one station."""
    source_limit_per_s: float = 50.0
    """Messages a second from one source outside the trunks; 0: no limit."""
    source_burst: int = 200
    """Messages a source may send at once before the limit counts."""
    name_servers: tuple[str, ...] = ()
    """Addresses of the DNS servers that know the carriers; empty: those of this host."""
    receive_buffer: int = 4 * 1024 * 1024
    """Bytes asked of the kernel for waiting datagrams."""
    messages_kept: int = 4000
    """Messages kept for ``hookflash sip ladder``; about 800 bytes of memory each."""
    ring_timeout_s: float = 180.0
    """An outgoing call that rings longer is given up with ``NO_ANSWER``."""
    emergency: tuple[str, ...] = ()
    """Numbers that are called as they are, whatever limit says no: ``112``, ``110``."""
    station_transfers: bool = True
    """Stations may transfer their calls by REFER."""
    session_expires_s: int = 1800
    """Calls are refreshed this often, and end when they are not (RFC 4028); 0: never asked for."""
    session_expires_min_s: int = 90
    """A peer that wants refreshes more often than this is refused with 422."""
    timers: TimerOptions = TimerOptions()

    def listeners(self) -> tuple[Listen, ...]:
        """Where to listen, in order; OptionsError when an entry cannot be read."""
        if isinstance(self.listen, str) and address_of(self.listen) is not None:
            return (Listen("udp", self.listen, self.port),)
        texts = (self.listen,) if isinstance(self.listen, str) else self.listen
        return tuple(parse_listen(text) for text in texts)

    def advertised(self, listen: Listen) -> str:
        """How a listener is named to peers; empty: by the address a connection came to."""
        for text in (self.advertise,) if isinstance(self.advertise, str) else self.advertise:
            address = address_of(text)
            if address is not None and address.version == listen.version:
                return str(address)
        return "" if listen.everywhere else listen.host

    def files(self) -> list[tuple[str, str]]:
        """Files that must be there, each with its key; paths begin at the site directory."""
        found = [("authorities", self.authorities)] if self.authorities else []
        for index, one in enumerate(self.certificates):
            found.append((f"certificates[{index}].certificate", one.certificate))
            found.append((f"certificates[{index}].private_key", one.private_key))
        return found

    def faults(self) -> list[OptionsError]:
        """Every wrong value with its key and what to do."""
        found: list[OptionsError] = []

        def fault(key: str, en: str, zh: str) -> None:
            found.append(OptionsError(key, en, zh))

        found += listener_faults(self)
        if not 0 <= self.port <= 65535:
            fault(
                "port",
                f"{self.port} is not a UDP port; write 0 to 65535, 5060 is usual",
                f"{self.port} 不是 UDP 端口；请写 0 到 65535，通常为 5060",
            )
        if not self.realm or any(c in self.realm for c in '"\\\r\n'):
            en, zh = "must be a word without quotes or line ends", "必须是不含引号和换行的词"
            fault("realm", en, zh)
        unknown = [name for name in self.digest_algorithms if name not in DIGESTS]
        if unknown or not self.digest_algorithms:
            known = ", ".join(DIGESTS)
            en, zh = f"name one or both of {known}", f"请写其中一个或两个：{known}"
            fault("digest_algorithms", en, zh)
        if not self.digest_qop or not set(self.digest_qop) <= {"auth", "auth-int"}:
            en, zh = "name auth, auth-int or both", "请写 auth、auth-int 或两者"
            fault("digest_qop", en, zh)
        if any(ord(c) < 32 for c in self.user_agent):
            fault("user_agent", "must not contain control characters", "不能含有控制字符")
        if not 1 <= self.expires_min_s <= self.expires_max_s:
            fault(
                "expires_min_s",
                "must be at least 1 and at most expires_max_s",
                "必须至少为 1 且不大于 expires_max_s",
            )
        if self.messages_kept < 0:
            fault("messages_kept", "must be at least 0", "不能小于 0")
        if not 0 <= self.expires_spread_percent <= 50:
            en, zh = "must be 0 to 50; 10 is usual", "必须为 0 到 50；通常为 10"
            fault("expires_spread_percent", en, zh)
        if self.session_expires_s and self.session_expires_s < self.session_expires_min_s:
            fault(
                "session_expires_s",
                "must be 0 or at least session_expires_min_s; 1800 is usual",
                "必须为 0 或不小于 session_expires_min_s；通常为 1800",
            )
        if self.session_expires_min_s < 90:
            fault(
                "session_expires_min_s",
                "must be at least 90 (RFC 4028); 90 is usual",
                "必须至少为 90（RFC 4028）；通常为 90",
            )
        if self.max_contacts < 1:
            fault("max_contacts", "must be at least 1", "必须至少为 1")
        if not 0 < self.timers.t1 <= self.timers.t2:
            fault(
                "timers.t1",
                "must be above 0 and at most t2; 0.5 is usual",
                "必须大于 0 且不大于 t2；通常为 0.5",
            )
        found += codec_faults(
            "station_codecs", self.station_codecs, transcode=self.station_transcode_opus
        )
        for transport, policy in self._station_policies().items():
            if transport not in ("", *DEFAULT_PORTS):
                known = ", ".join(DEFAULT_PORTS)
                en, zh = (
                    f"{transport!r}: name one of {known}",
                    f"{transport!r}：请写其中之一：{known}",
                )
                fault("station_srtp", en, zh)
            readable = transport not in ("", *SECURE) and not self.srtp_in_clear
            found += srtp_faults("station_srtp", policy, readable=readable)
        found += prefix_faults("emergency", self.emergency)
        found += office_faults(self.offices)
        names = [trunk.name for trunk in self.trunks]
        loopback = is_loopback(self)
        for index, trunk in enumerate(self.trunks):
            key = f"trunks[{index}]"
            if names.count(trunk.name) > 1:
                fault(
                    f"{key}.name",
                    f"two trunks are called {trunk.name!r}; rename one",
                    f"有两条中继都叫 {trunk.name!r}；请给其中一条改名",
                )
            found += trunk_faults(key, trunk, loopback=loopback, in_clear=self.srtp_in_clear)
        return found

    def terms(self, trunk: str, transport: str) -> Terms:
        """What audio may be agreed where messages go over a transport; no name: a station."""
        if trunk:
            one = next(each for each in self.trunks if each.name == trunk)
            srtp = srtp_over(one.srtp, transport, in_clear=self.srtp_in_clear)
            return Terms(
                one.codecs,
                srtp,
                one.ptime_ms,
                one.rtcp_mux,
                one.comfort_noise,
                dtls=one.srtp != "off",
                transcode=one.transcode_opus,
            )
        policies = self._station_policies()
        policy = policies.get(transport, policies.get("", "allowed"))
        browser = self.browsers and transport in WEBSOCKETS
        return Terms(
            self.station_codecs,
            srtp_over(policy, transport, in_clear=self.srtp_in_clear),
            dtls=browser or policy != "off",
            browser=browser,
            transcode=self.station_transcode_opus,
        )

    def _station_policies(self) -> dict[str, str]:
        policy = self.station_srtp
        return {"": policy} if isinstance(policy, str) else policy

    def check(self) -> None:
        """Raise the first fault as OptionsError, if there is one."""
        for fault in self.faults():
            raise fault


def networks(trunk: TrunkOptions) -> list[Network]:
    """The trunk's source networks; ValueError when one is not an address."""
    return [ipaddress.ip_network(text, strict=False) for text in trunk.addresses]
