"""Stars for secrets: what a fault needs stays readable, what guesses passwords does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.sight.masking import masked, readable

DIGEST = (
    b'Digest username="2001", realm="hookflash", nonce="n0nce", uri="sip:h", '
    b'response="0123456789abcdef", cnonce="c\\"n0nce", qop=auth, nc=00000001'
)


def message(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"INVITE sip:1@h SIP/2.0", b"Via: x", *headers, b"", body))


@pytest.mark.parametrize("name", [b"Authorization", b"PROXY-AUTHORIZATION", b"authorization \t"])
def test_digest_keeps_who_and_loses_the_proof(name: bytes) -> None:
    seen = masked(message(name + b": " + DIGEST, b"X-Response: response=stays"))
    assert b'username="2001", realm="hookflash", nonce=*' in seen
    assert b'uri="sip:h"' in seen
    assert b"qop=auth, nc=00000001" in seen
    assert b"X-Response: response=stays" in seen
    for secret in (b"0123456789abcdef", b"n0nce"):
        assert secret not in seen


def test_folded_header_is_masked_to_its_end() -> None:
    folded = b'Authorization: Digest username="2001",\r\n response="s3cret",\r\n\tcnonce="s3cret"'
    seen = masked(message(folded, b"Via: s3cret-not"))
    assert b'"s3cret"' not in seen
    assert b"Via: s3cret-not" in seen


@pytest.mark.parametrize(
    "value", [b"Basic dXNlcjpwYXNzd29yZA==", b"Bearer abc.def-ghi", b"abc=def", b"Digestive a=b"]
)
def test_of_other_schemes_nothing_stays(value: bytes) -> None:
    seen = masked(message(b"Authorization: " + value))
    for word in value.split():
        assert word not in seen


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3|2^20|1:4",
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*",
        ),
        (b"k=base64:c2VjcmV0", b"k=*"),
        (b"a=key-mgmt:mikey AQAFgM0X", b"a=key-mgmt:*"),
        (b"a=ice-pwd:asd88fgpdd777uzjYhagZg", b"a=ice-pwd:*"),
    ],
)
def test_keys_of_the_audio_are_starred(line: bytes, left: bytes) -> None:
    body = b"v=0\r\n" + line + b"\r\na=rtpmap:8 PCMA/8000\r\n"
    seen = masked(message(body=body))
    assert left in seen
    assert line.split(b":")[-1] not in seen
    assert seen.endswith(b"\r\na=rtpmap:8 PCMA/8000\r\n")


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"Signal=5\r\nDuration=160\r\n", b"Signal=*\r\nDuration=160\r\n"),
        (b"Duration=90\r\n signal = 11\r\n", b"Duration=90\r\n signal = **\r\n"),
        (b"7", b"*"),
        (b"10\r\n", b"**\r\n"),
        (b"", b""),
        (b"<media_control/>", b"<media_control/>"),
    ],
)
def test_keys_that_a_caller_pressed_are_starred(body: bytes, left: bytes) -> None:
    head = b"INFO sip:1@h SIP/2.0\r\nVia: x\r\nSignal=: stays\r\n\r\n"
    assert masked(head + body) == head + left
    answer = b"SIP/2.0 200 OK\r\nCSeq: 5 INFO\r\n\r\n"
    assert masked(answer + body) == answer + body


@given(
    st.lists(
        st.sampled_from(
            [b"Authorization: ", b"Digest ", b"response=", b'"', b"\\", b"\r\n", b" ", b",", b"nc="]
        )
        | st.binary(max_size=6)
    )
)
def test_lengths_and_line_ends_stay(parts: list[bytes]) -> None:
    data = b"".join(parts)
    seen = masked(data)
    assert len(seen) == len(data)
    assert [len(line) for line in seen.split(b"\r\n")] == [len(x) for x in data.split(b"\r\n")]
    assert isinstance(readable(data), str)
