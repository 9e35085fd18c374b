"""What can be wrong with the options of a trunk."""

import ipaddress
from typing import TYPE_CHECKING, Final

from drivers.errors import OptionsError
from drivers.sip.negotiation.terms import codec_faults, ptime_faults, srtp_faults
from drivers.sip.transport.targets import host_and_port
from drivers.sip.trunks.plan import plan_faults

if TYPE_CHECKING:
    from drivers.sip.options import TrunkOptions

HOLDS: Final = ("sendonly", "inactive", "address")
"""Ways to put a peer on hold (RFC 3264 8.4)."""

TRUNK_TRANSPORTS: Final = ("udp", "tcp", "tls")
"""Transports towards a carrier."""


def trunk_faults(
    key: str, trunk: "TrunkOptions", *, loopback: bool, in_clear: bool
) -> list[OptionsError]:
    """What is wrong with one trunk; ``loopback``: nobody outside can reach us."""
    found: list[OptionsError] = []
    if not trunk.name or any(c in trunk.name for c in "/: \r\n"):
        en, zh = "must be a word without '/', ':' or spaces", "必须是不含 '/'、':' 和空格的词"
        found.append(OptionsError(f"{key}.name", en, zh))
    if trunk.max_calls < 1:
        found.append(OptionsError(f"{key}.max_calls", "must be at least 1", "必须至少为 1"))
    if trunk.hold not in HOLDS:
        known = ", ".join(HOLDS)
        en, zh = f"{trunk.hold!r} is no way to hold; choose from {known}", f"可选：{known}"
        found.append(OptionsError(f"{key}.hold", en, f"没有保持方式 {trunk.hold!r}；{zh}"))
    found += plan_faults(key, trunk, _is_target)
    if not (trunk.addresses or trunk.target or trunk.gateways):
        en = "name the carrier's addresses, else it has no calls"
        zh = "请写运营商的地址，否则没有通话"
        found.append(OptionsError(f"{key}.addresses", en, zh))
    for text in trunk.addresses:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            en = f"{text!r} is not an address or network; write 192.0.2.7 or 192.0.2.0/24"
            zh = f"{text!r} 不是地址或网段；请写如 192.0.2.7 或 192.0.2.0/24"
            found.append(OptionsError(f"{key}.addresses", en, zh))
            continue
        if network.prefixlen == 0 and not loopback:
            en = "the whole Internet is not a trunk; name the carrier's addresses"
            zh = "整个互联网不是中继；请写运营商的地址"
            found.append(OptionsError(f"{key}.addresses", en, zh))
    if trunk.transport not in ("", *TRUNK_TRANSPORTS):
        known = ", ".join(TRUNK_TRANSPORTS)
        en = f"{trunk.transport!r} is not carried to trunks; choose from {known}"
        zh = f"中继不支持 {trunk.transport!r}；可选：{known}"
        found.append(OptionsError(f"{key}.transport", en, zh))
    if trunk.target:
        try:
            host_and_port(trunk.target)
        except ValueError:
            en = (
                f"{trunk.target!r} is neither an address with a port nor a name; "
                "write 192.0.2.7:5060 or sip.carrier.example"
            )
            zh = (
                f"{trunk.target!r} 既不是带端口的地址，也不是域名；"
                "请写如 192.0.2.7:5060 或 sip.carrier.example"
            )
            found.append(OptionsError(f"{key}.target", en, zh))
    readable = trunk.transport != "tls" and not in_clear
    found += srtp_faults(f"{key}.srtp", trunk.srtp, readable=readable)
    found += ptime_faults(f"{key}.ptime_ms", trunk.ptime_ms)
    return found + codec_faults(f"{key}.codecs", trunk.codecs, transcode=trunk.transcode_opus)


def _is_target(text: str) -> bool:
    try:
        host_and_port(text)
    except ValueError:
        return False
    return True
