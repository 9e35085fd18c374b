"""What is remembered over many calls holds nothing that belongs to one of them."""

import functools
import gc
import sys

import pytest

from drivers.sip.negotiation import formats
from drivers.sip.negotiation.formats import packet_time, pick
from drivers.sip.sdp import parse_sdp

KNOWN = "rtpmap:97 remembered/8000"
SECRETS = [
    "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
    "crypto:1 AES_CM_128_HMAC_SHA1_32 inline:c2VjcmV0|2^31",  # short because it is damaged
    "ice-pwd:secretsecretsecretsecret",
    "ice-ufrag:secretuf",
    "fingerprint:md5 se:cr:et:se:cr:et:se:cr:et",
    "key-mgmt:mikey c2VjcmV0",
]


def remembered() -> set[str]:
    """Every text that a cache of the driver holds."""
    caches = [
        value
        for name, module in list(sys.modules.items())
        if name.startswith(("drivers.", "cython_ext."))
        for value in list(vars(module).values())
        if isinstance(value, functools._lru_cache_wrapper)
    ]
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[object] = list(caches)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | type(sys)):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            found.add(one if isinstance(one, str) else one.decode("latin-1"))
        elif isinstance(one, tuple | dict | list | functools._lru_cache_wrapper) or (
            type(one).__name__ == "_lru_list_elem"
        ):
            waiting += gc.get_referents(one)
    return found


def offer(*lines: str) -> bytes:
    text = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    media = ["m=audio 4000 RTP/SAVP 97 0"]
    return "\r\n".join([*text, *media, *(f"a={line}" for line in lines), ""]).encode()


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_of_an_offer_are_in_no_cache(secret: str) -> None:
    media = parse_sdp(offer(KNOWN, secret, "maxptime:33")).media[0]
    assert media.attributes[1] == tuple(secret.split(":", 1))
    assert pick(media.formats, media.attributes, ("PCMU",)) is not None
    assert packet_time(media.attributes) == 20
    texts = remembered()
    value = secret.split(":", 1)[1]
    assert any("remembered/8000" in text for text in texts)  # they are looked at
    assert not [text for text in texts if value in text]


def test_offers_that_differ_in_their_keys_are_one_for_the_choice_of_a_codec() -> None:
    first = parse_sdp(offer(KNOWN, f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}")).media[0]
    other = parse_sdp(offer(KNOWN, f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'B' * 40}")).media[0]
    assert pick(first.formats, first.attributes, ("PCMU",)) is not None
    misses = formats._pick.cache_info().misses
    assert pick(other.formats, other.attributes, ("PCMU",)) is not None
    assert formats._pick.cache_info().misses == misses
