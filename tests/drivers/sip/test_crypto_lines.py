"""Keys of SRTP in descriptions: any line in, nothing raised, and only usable ones taken."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.negotiation.crypto import SUITES, Crypto, parse_crypto, usable

KEY = bytes(range(30))
CODED = base64.b64encode(KEY).decode()
CM = "AES_CM_128_HMAC_SHA1_80"


@st.composite
def cryptos(draw: st.DrawFn) -> Crypto:
    suite = draw(st.sampled_from(sorted(SUITES)))
    key = draw(st.binary(min_size=SUITES[suite], max_size=SUITES[suite]))
    return Crypto(str(draw(st.integers(0, 999_999_999))), suite, key)


@given(cryptos())
def test_what_is_written_is_read_back(crypto: Crypto) -> None:
    assert parse_crypto(crypto.value()) == crypto


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_nothing(text: str) -> None:
    for value in (text, f"1 {CM} {text}", f"1 {CM} inline:{text}", f"1 {CM} inline:{CODED}{text}"):
        found = parse_crypto(value)
        assert found is None or len(found.key) == SUITES[found.suite]


@given(cryptos(), st.data())
def test_damaged_line_is_a_key_or_nothing(crypto: Crypto, data: st.DataObject) -> None:
    value = crypto.value()
    at = data.draw(st.integers(0, len(value)))
    until = data.draw(st.integers(at, len(value)))
    found = parse_crypto(value[:at] + data.draw(st.text(max_size=3)) + value[until:])
    assert found is None or len(found.key) == SUITES[found.suite]


@pytest.mark.parametrize(
    "value",
    [
        f"1 {CM} inline:{CODED}",
        f"1 {CM} inline:{CODED}|2^20",
        f"1 {CM} inline:{CODED}|1048576",
        f"1 {CM} inline:{CODED} WSH=128",
        f"1 {CM} inline:{CODED} KDR=0",
        f"1 {CM} inline:{CODED} -X=1",
    ],
)
def test_line_with_what_changes_nothing_is_taken(value: str) -> None:
    assert parse_crypto(value) == Crypto("1", CM, KEY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"1 {CM}",
        f"x {CM} inline:{CODED}",
        f"1234567890 {CM} inline:{CODED}",
        f"1 AES_CM_256_HMAC_SHA1_80 inline:{CODED}",
        f"1 AEAD_AES_128_GCM inline:{CODED}",
        f"1 {CM} outline:{CODED}",
        f"1 {CM} inline:{CODED[:-4]}",
        f"1 {CM} inline:{CODED}|2^20|1:4",
        f"1 {CM} inline:{CODED}|1:4",
        f"1 {CM} inline:{CODED};inline:{CODED}",
        f"1 {CM} inline:{CODED} KDR=3",
        f"1 {CM} inline:{CODED} UNENCRYPTED_SRTP",
        f"1 {CM} inline:{CODED} FEC_ORDER=FEC_SRTP",
        f"1 {CM} inline:{CODED} NEW=1",
        f"1 {CM} inline:{'*' * 40}",
    ],
)
def test_line_that_the_engine_cannot_do_is_passed_over(value: str) -> None:
    assert parse_crypto(value) is None


def test_strongest_line_comes_first_and_of_one_strength_the_peers_first() -> None:
    weak = Crypto("1", "AES_CM_128_HMAC_SHA1_32", KEY)
    usual = Crypto("2", CM, KEY)
    again = Crypto("3", CM, KEY[::-1])
    strong = Crypto("4", "AEAD_AES_128_GCM", KEY[:28])
    lines = [("crypto", one.value()) for one in (weak, usual, again, strong)]
    lines.insert(0, ("crypto", "1 UNKNOWN inline:x"))
    assert usable(tuple(lines)) == [strong, usual, again, weak]


def test_key_is_in_no_log() -> None:
    text = repr(Crypto("1", CM, KEY))
    assert text == f"Crypto(1, {CM})"
