"""Feeds changed descriptions to offer and answer: ``python -m tests.fuzz.descriptions [seconds]``.

Two sessions talk as calls do; what one hears is changed now and then. SdpError and NotAcceptable
are refusals, anything else goes through; what is answered must be a description again, in which no
key of the other side stands.
"""

import base64
import random
import sys
import time
from collections.abc import Callable

from drivers.api import DtlsOffer
from drivers.errors import ProtocolError
from drivers.sip.negotiation.formats import CODECS
from drivers.sip.negotiation.session import OfferState, Session
from drivers.sip.negotiation.terms import SRTP, Terms
from drivers.sip.sdp import parse_sdp

ROUND = 200
ENGINE = DtlsOffer("sha-256 " + ":".join(["EF"] * 32), "ours", "p" * 22)
PIECES = (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n",
    b"a=rtcp-mux\r\n",
    b"a=setup:passive\r\n",
    b"a=ice-ufrag:abcd\r\n",
    b"a=fingerprint:" + ENGINE.fingerprint.encode() + b"\r\n",
    b"a=maxptime:10\r\n",
    b"m=audio 0 RTP/SAVP 0\r\n",
    b"m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n",
    b"c=IN IP6 ::\r\n",
    b"a=inactive\r\n",
)


def session(chance: random.Random) -> Session:
    """One side with rules of its own."""
    terms = Terms(
        tuple(chance.sample(CODECS, chance.randint(1, len(CODECS)))),
        chance.choice(SRTP),
        chance.choice((10, 20, 60)),
        chance.random() < 0.5,
        chance.random() < 0.5,
        dtls=chance.random() < 0.7,
        browser=chance.random() < 0.3,
    )
    return Session(host="192.0.2.1", port=6000, terms=terms, session_id=7, new_key=chance.randbytes)


def change(body: bytes, chance: random.Random) -> bytes:
    """The description with octets changed, lines moved, and others' lines put in."""
    changed = bytearray(body)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 30)]
            case 2:
                line = changed.rfind(b"\n", 0, at) + 1
                changed[line:line] = chance.choice(PIECES)
            case _:
                lines = bytes(changed).split(b"\r\n")
                chance.shuffle(lines)
                changed = bytearray(b"\r\n".join(lines))
    return bytes(changed)


def exchange(offerer: Session, answerer: Session, chance: random.Random) -> bool:
    """One offer and its answer, each perhaps changed on the way; whether it was agreed."""
    for side in (offerer, answerer):
        side.on_hold = chance.random() < 0.2
    if offerer.wants_dtls:
        offerer.prepare_dtls(ENGINE)
    return _refused(lambda: _talk(offerer, answerer, chance), offerer)


def _talk(offerer: Session, answerer: Session, chance: random.Random) -> None:
    answerer.consider(change(offerer.offer(), chance))
    if answerer.wants_dtls:
        answerer.prepare_dtls(ENGINE)
    answer = answerer.answer()
    parse_sdp(answer)
    keys = None if answerer.fmt is None else answerer.fmt.srtp
    if keys is not None and base64.b64encode(keys.inward) in answer:
        raise AssertionError(f"the peer's key is sent back: {answer!r}")
    offerer.accept(change(answer, chance))


def _refused(talk: Callable[[], None], offerer: Session) -> bool:
    try:
        talk()
    except ProtocolError:
        if offerer.state is OfferState.OFFERED:
            offerer.withdraw()
        return False
    return True


def run(seconds: float, seed: int) -> tuple[int, int]:
    """Exchanges tried and agreed; any exception but a refusal goes through."""
    chance = random.Random(seed)
    until, tried, agreed = time.monotonic() + seconds, 0, 0
    while True:
        for _ in range(ROUND):
            sides = session(chance), session(chance)
            for _ in range(chance.randint(1, 4)):
                tried += 1
                first, second = chance.sample(sides, 2)
                agreed += exchange(first, second, chance)
        if time.monotonic() >= until:
            return tried, agreed


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {start}\n")
    counted = run(length, start)
    sys.stdout.write(f"{counted[0]} exchanges, {counted[1]} agreed, none did harm\n")
