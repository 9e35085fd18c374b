"""What we take and offer in a description, as the options of a trunk or of the stations say."""

from typing import Final

import msgspec

from drivers.errors import OptionsError, ProtocolError
from drivers.sip.negotiation.formats import CODECS, OPUS
from drivers.sip.transport.address import SECURE

SRTP: Final = ("off", "allowed", "required")
"""Whether audio is encrypted: never, where the peer can, or always."""
IMPOSSIBLE: Final = "impossible"
"""Audio must be encrypted, but keys would be readable on the way: nothing can be agreed."""
PACKET_TIMES: Final = (10, 20, 30, 40, 50, 60)  # ms


class NotAcceptable(ProtocolError):
    """A description that has nothing we carry: 488, or the end of a call we offered."""

    warning = 305, "Incompatible media format"  # RFC 3261 20.43


class NotEncrypted(NotAcceptable):
    """Audio must be encrypted, and the description offers no way to do so."""

    warning = 302, "Incompatible transport protocol"


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """What may be agreed with one peer."""

    codecs: tuple[str, ...]
    """In order of preference."""
    srtp: str = "off"
    """One of ``SRTP``, or ``IMPOSSIBLE``."""
    ptime_ms: int = 20
    rtcp_mux: bool = False
    """We offer that RTCP shares the port; a peer's offer of that is taken in any case."""
    comfort_noise: bool = False
    """We offer and take comfort noise (RFC 3389)."""
    dtls: bool = False
    """Keys by DTLS are taken where they are offered; nobody reads them in the messages."""
    browser: bool = False
    """We offer what browsers speak: DTLS-SRTP and ICE, and nothing else."""
    transcode: bool = False
    """Opus is decoded and coded, not only passed on."""

    @property
    def possible(self) -> bool:
        """Whether we can offer anything."""
        return self.browser or self.srtp != IMPOSSIBLE


def srtp_over(policy: str, transport: str, *, in_clear: bool) -> str:
    """What a policy means where messages go over a transport.

    SDES writes keys into the messages (RFC 4568 8.3), so they belong into TLS; ``in_clear``
    allows them everywhere.
    """
    if in_clear or transport in SECURE or policy == "off":
        return policy
    return IMPOSSIBLE if policy == "required" else "off"


def codec_faults(
    key: str, codecs: tuple[str, ...], *, transcode: bool = False
) -> list[OptionsError]:
    """What is wrong with a list of codecs; ``transcode``: Opus is more than passed on."""
    known = ", ".join(CODECS)
    unknown = [codec for codec in codecs if codec not in CODECS]
    if unknown:
        en = f"{unknown[0]!r} is not carried; choose from {known}"
        return [OptionsError(key, en, f"不支持 {unknown[0]!r}；可选：{known}")]
    if not codecs:
        return [OptionsError(key, f"name at least one of {known}", f"请至少写其中一个：{known}")]
    if OPUS in codecs[:-1] and not transcode:
        en = (
            "OPUS must come last: it is only passed on, so its calls hear no prompts; "
            "or have it transcoded"
        )
        zh = "OPUS 必须写在最后：它只被转发，通话中听不到提示音；也可以打开转码"
        return [OptionsError(key, en, zh)]
    return []


def srtp_faults(key: str, policy: str, *, readable: bool) -> list[OptionsError]:
    """What is wrong with a policy; ``readable``: messages go unencrypted, keys with them."""
    if policy not in SRTP:
        known = ", ".join(SRTP)
        en = f"{policy!r} is no rule for encryption; choose from {known}"
        return [OptionsError(key, en, f"没有加密规则 {policy!r}；可选：{known}")]
    if policy == "required" and readable:
        en = "the keys would be readable; use tls or wss for the messages, or set srtp_in_clear"
        zh = "密钥会以明文传送；请让消息使用 tls 或 wss，或设置 srtp_in_clear"
        return [OptionsError(key, en, zh)]
    return []


def ptime_faults(key: str, ptime_ms: int) -> list[OptionsError]:
    """What is wrong with a packet time."""
    if ptime_ms in PACKET_TIMES:
        return []
    known = ", ".join(str(time) for time in PACKET_TIMES)
    en = f"{ptime_ms} ms is no packet time; choose from {known}, 20 is usual"
    return [OptionsError(key, en, f"{ptime_ms} 毫秒不是可用的打包时长；可选：{known}，通常为 20")]
