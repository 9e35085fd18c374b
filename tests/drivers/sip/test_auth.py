"""Digest: the known vectors, and what a server must refuse."""

import random

import pytest

from drivers.sip.auth import (
    Challenger,
    Verdict,
    credentials,
    digest_response,
    hash_secret,
)
from drivers.sip.options import StationAccount

REALM = "pbx.example"
URI = "sip:pbx.example"
ACCOUNTS = {
    "2001": StationAccount(
        "2001",
        hash_secret("2001", REALM, "s3cret"),
        hash_secret("2001", REALM, "s3cret", algorithm="SHA-256"),
    )
}
OWN = {"uri": URI, "nonce": "5f1c9a", "nc": "00000001", "cnonce": "0a4f113b", "qop": "auth"}


def challenger() -> Challenger:
    return Challenger(REALM, secret=b"key", rng=random.Random(1))


def answer(
    challenges: list[str], *, password: str = "s3cret", user: str = "2001", count: int = 1
) -> str:
    value = credentials(
        challenges,
        user=user,
        password=password,
        method="REGISTER",
        uri=URI,
        cnonce="c",
        count=count,
    )
    assert value is not None
    return value


def check(server: Challenger, value: str, now: float = 1000.0, uri: str = URI) -> Verdict:
    return server.check([value], "REGISTER", uri, ACCOUNTS, now).verdict


def test_vector_of_rfc_2617() -> None:
    ha1 = hash_secret("Mufasa", "testrealm@host.com", "Circle Of Life")
    params = {
        "uri": "/dir/index.html",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "nc": "00000001",
        "cnonce": "0a4f113b",
        "qop": "auth",
    }
    assert digest_response(ha1, "GET", params) == "6629fae49393a05397450978507c4ef1"


def test_vectors_of_a_register() -> None:
    md5, sha = ACCOUNTS["2001"].ha1_md5, ACCOUNTS["2001"].ha1_sha256
    assert digest_response(md5, "REGISTER", OWN) == "a0d537adfdfb4caf4db7e1ac86a2d00b"
    assert (
        digest_response(sha, "REGISTER", OWN, algorithm="SHA-256")
        == "29974c435d31eab461badac7c914c9ad46fbaa9bc11b3f27f0fc11723f8e6e1f"
    )
    old = {"uri": URI, "nonce": "5f1c9a"}
    assert digest_response(md5, "REGISTER", old) == "455b4a53161d84ef7bf0aa184dd39e43"


@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(0, 2)])
def test_answer_to_our_own_challenge_is_good_once(which: slice) -> None:
    server = challenger()
    value = answer(server.challenges(1000.0)[which])
    assert check(server, value) is Verdict.GOOD
    assert check(server, value) is Verdict.STALE


def test_higher_nonce_count_is_good_again() -> None:
    server = challenger()
    asked = server.challenges(1000.0)
    assert check(server, answer(asked)) is Verdict.GOOD
    assert check(server, answer(asked, count=2)) is Verdict.GOOD
    assert check(server, answer(asked, count=1)) is Verdict.STALE


def test_strongest_algorithm_is_chosen() -> None:
    assert "algorithm=SHA-256" in answer(challenger().challenges(1000.0)[::-1])


def test_old_nonce_and_nonce_of_another_run_are_stale() -> None:
    server = challenger()
    asked = server.challenges(1000.0)
    assert check(server, answer(asked), now=1301.0) is Verdict.STALE
    other = Challenger(REALM, secret=b"other key", rng=random.Random(1))
    assert check(server, answer(other.challenges(1000.0))) is Verdict.STALE


def test_wrong_password_and_unknown_user_look_the_same() -> None:
    server = challenger()
    asked = server.challenges(1000.0)
    assert check(server, answer(asked, password="x")) is Verdict.WRONG
    assert check(server, answer(asked, user="9999")) is Verdict.WRONG


def test_signed_uri_must_be_the_requested_one() -> None:
    server = challenger()
    value = answer(server.challenges(1000.0))
    assert check(server, value, uri="sip:1000@pbx.example") is Verdict.WRONG
    assert check(server, value, uri="sip:pbx.example;transport=udp") is Verdict.GOOD


@pytest.mark.parametrize(
    "value",
    [
        "Basic abc",
        "Digest",
        'Digest username="2001", realm="pbx.example", nonce="x", uri="y", response="z", qop=auth',
        'Digest username="2001", realm="pbx.example", algorithm=MD5-sess, response="z"',
        'Digest username="2001", realm="pbx.example", nonce="é", nc=zzzzzzzz, qop=auth',
        'Digest realm="other", username="2001"',
    ],
)
def test_unusable_credentials_are_not_good(value: str) -> None:
    assert check(challenger(), value) in {Verdict.WRONG, Verdict.MISSING}


def test_no_known_challenge_gives_no_credentials() -> None:
    asked = ['Digest realm="r", nonce="n", algorithm=SHA-512-256', "Basic x", "???"]
    assert credentials(asked, user="u", password="p", method="INVITE", uri=URI, cnonce="c") is None
