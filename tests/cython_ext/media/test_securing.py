"""Ports with ICE and DTLS from Python: fingerprints as peers write them, and what is left."""

import os
import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext import media
from cython_ext.implementation import PURE_PYTHON
from cython_ext.media.clips import EngineError

if not PURE_PYTHON:
    from cython_ext.media.securing import digests

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

SIZES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}


def written(name: str, digest: bytes) -> str:
    return f"{name} {digest.hex(':').upper()}"


@given(st.lists(st.sampled_from(sorted(SIZES)), min_size=1, max_size=6), st.data())
def test_of_several_fingerprints_the_strongest_kind_counts(
    names: list[str], data: st.DataObject
) -> None:
    made = [
        (name, data.draw(st.binary(min_size=SIZES[name], max_size=SIZES[name]))) for name in names
    ]
    lines = ["sha-1 " + ":".join(["00"] * 20), *(written(*one) for one in made)]
    assert digests(lines) == [digest for name, digest in made if name == max(names)][:4]
    assert digests([line.lower() for line in lines]) == digests(lines)


def judged(lines: list[str]) -> str:
    try:
        found = digests(lines)
    except EngineError as error:
        return error.code
    return "good" if found and all(len(digest) in SIZES.values() for digest in found) else "bad"


@given(st.lists(st.text() | st.text().map("sha-256 {}".format), max_size=4))
def test_what_is_no_fingerprint_is_refused_in_words(lines: list[str]) -> None:
    assert judged(lines) in ("good", "fingerprint", "bad-argument")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_ports_with_dtls_leave_nothing_behind() -> None:
    engine = media.Engine(realtime=False)
    engine.start()
    try:
        engine.open_rtp(1, "127.0.0.1")
        engine.open_dtls(1)  # the thread and its eventfd come with the first
        before = descriptors()
        for port in range(2, 302):
            engine.open_rtp(port, "127.0.0.1")
            engine.open_dtls(port, ice=port % 2 == 0)
            if port % 3:
                fingerprint = written("sha-256", bytes(32))
                engine.connect_dtls(
                    port,
                    client=port % 5 == 0,
                    fingerprints=[fingerprint],
                    host="127.0.0.1",
                    rtp_port=9,
                )
            if port % 7 == 0:
                engine.open_dtls(port, ice=port % 2 == 0)
            engine.close(port)
        for _ in range(200):
            select.select([engine], [], [], 0.1)
            engine.poll()
            if descriptors() == before:
                break
        assert descriptors() == before
        assert engine.counters()["ports"] == 1
        assert engine.dtls_state(1) == "new"
    finally:
        engine.stop()


def test_a_port_has_one_kind_of_keys() -> None:
    engine = media.Engine(realtime=False)
    engine.start()
    try:
        engine.open_rtp(1, "127.0.0.1")
        keys = media.Srtp("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30))
        engine.connect_rtp(1, "127.0.0.1", 9, payload_type=8, law="A", srtp=keys)
        with pytest.raises(EngineError, match="has other keys"):
            engine.open_dtls(1)
        engine.open_rtp(2, "127.0.0.1")
        secured = engine.open_dtls(2, ice=False)
        assert secured.fingerprint.startswith("sha-256 ")
        assert (secured.ufrag, secured.password) == ("", "")
        assert "password" not in repr(secured)
        with pytest.raises(EngineError, match="begin or end ICE"):
            engine.open_dtls(2)
        with pytest.raises(EngineError, match="whom to shake hands with"):
            engine.connect_dtls(2, client=True, fingerprints=[written("sha-256", bytes(32))])
    finally:
        engine.stop()
