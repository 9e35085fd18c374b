"""Digest authentication, both sides: MD5 and SHA-256 with qop=auth (RFC 7616, 8760, 3261 22).

Nonces carry their time and a keyed hash, so none has to be remembered before it is used;
only the highest nonce count of each one in use is kept, against replay.
"""

import hashlib
import hmac
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from cython_ext.sip_wire import Auth, WireError, parse_auth, parse_uri, quote_string
from drivers.sip.options import StationAccount

ALGORITHMS: Final[dict[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "SHA-256": hashlib.sha256,
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
}
"""Strongest first: the order in which we choose from a challenge."""

QOPS: Final = ("auth", "auth-int")
"""Qualities of protection, the one that is chosen first in front."""
NONCE_LIFETIME: Final = 300.0  # s; an older one is answered with stale=true
NONCES_KEPT: Final = 20_000
NAMED_MOST: Final = 64  # characters of a user name that guesses are counted for

MD5_ALONE: Final = re.compile(r"baresip v[012]\.")
"""User agents that give up registering when any challenge names an algorithm they lack,
instead of answering the one that they know (RFC 8760 2.4)."""


class Verdict(Enum):
    """What the credentials of a request are worth."""

    GOOD = auto()
    MISSING = auto()
    STALE = auto()
    """Right, but for a nonce that is too old, used up or not ours: ask again."""
    WRONG = auto()


class Checked(NamedTuple):
    """Result of a check."""

    verdict: Verdict
    user: str = ""
    """Authenticated station with GOOD, who it says it is with WRONG or STALE, else empty."""


class Challenger:
    """The server's side: makes challenges and checks credentials."""

    def __init__(
        self,
        realm: str,
        *,
        secret: bytes,
        rng: random.Random,
        algorithms: Sequence[str] = tuple(ALGORITHMS),
        qop: Sequence[str] = ("auth",),
    ) -> None:
        self.realm = realm
        self.algorithms = algorithms
        self.qop = qop
        """Qualities of protection: ``auth``, or ``auth-int``, which covers the body too."""
        self._secret = secret
        self._random = rng
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._floor = 0.0
        # Unknown stations are checked against this, so that they take as long as known ones.
        self._nobody = f"{rng.getrandbits(128):032x}"

    def challenges(
        self, now: float, *, stale: bool = False, user_agent: str | None = None
    ) -> list[str]:
        """Header values to ask with; the same for known and unknown users."""
        nonce = self._nonce(now)
        tail = ", stale=true" if stale else ""
        algorithms = self.algorithms
        if "MD5" in algorithms and MD5_ALONE.match(user_agent or ""):
            algorithms = ("MD5",)
        return [
            f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={algorithm}, '
            f'qop="{",".join(self.qop)}"{tail}'
            for algorithm in algorithms
        ]

    def check(
        self,
        values: Sequence[str],
        method: str,
        uri: str,
        accounts: Mapping[str, StationAccount],
        now: float,
        body: bytes = b"",
    ) -> Checked:
        """Check the Authorization values of a request against the stations' secrets."""
        verdict, named = Verdict.MISSING, ""
        for value in values:
            try:
                credentials = parse_auth(value)
            except WireError:
                verdict = Verdict.WRONG
                continue
            params = credentials.params
            if credentials.scheme.lower() != "digest" or params.get("realm") != self.realm:
                continue
            verdict = self._check_one(params, method, uri, accounts, now, body)
            named = params.get("username", "")[:NAMED_MOST]
            if verdict is Verdict.GOOD:
                return Checked(verdict, params["username"])
        return Checked(verdict, "" if verdict is Verdict.MISSING else named)

    def _check_one(
        self,
        params: Mapping[str, str],
        method: str,
        uri: str,
        accounts: Mapping[str, StationAccount],
        now: float,
        body: bytes,
    ) -> Verdict:
        algorithm = params.get("algorithm", "MD5").upper()
        account = accounts.get(params.get("username", ""))
        ha1 = ""
        if algorithm not in self.algorithms or params.get("qop", "auth").lower() not in QOPS:
            return Verdict.WRONG
        if self.qop == ("auth-int",) and params.get("qop", "").lower() != "auth-int":
            return Verdict.WRONG  # nobody talks us out of it
        if account is not None and account.realm in {"", self.realm}:
            ha1 = account.ha1_sha256 if algorithm == "SHA-256" else account.ha1_md5
        known = bool(ha1)
        try:
            wanted = digest_response(
                ha1 or self._nobody, method, params, algorithm=algorithm, body=body
            )
        except ValueError:
            return Verdict.WRONG
        same = hmac.compare_digest(wanted.encode(), params.get("response", "").lower().encode())
        if not (same and known and _same_uri(params.get("uri", ""), uri)):
            return Verdict.WRONG
        nonce = params.get("nonce", "")
        if not self._fresh(nonce, now) or not self._count(nonce, params.get("nc")):
            return Verdict.STALE
        return Verdict.GOOD

    def _nonce(self, now: float) -> str:
        head = f"{int(now * 1000):012x}{self._random.getrandbits(32):08x}"
        return head + self._seal(head)

    def _seal(self, head: str) -> str:
        return hmac.new(self._secret, head.encode(), hashlib.sha256).hexdigest()[:24]

    def _fresh(self, nonce: str, now: float) -> bool:
        head = nonce[:20]
        if not nonce.isascii() or not hmac.compare_digest(self._seal(head), nonce[20:]):
            return False
        made = int(head[:12], 16) / 1000
        return made > self._floor and now - NONCE_LIFETIME <= made <= now + 1.0

    def _count(self, nonce: str, text: str | None) -> bool:
        """Whether this nonce count was not seen yet; without qop a nonce is good once."""
        count = 1 if text is None else int(text, 16)
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        if len(self._counts) > NONCES_KEPT:
            forgotten, _ = self._counts.popitem(last=False)
            self._floor = max(self._floor, int(forgotten[:12], 16) / 1000)
        return True


def hash_secret(user: str, realm: str, password: str, *, algorithm: str = "MD5") -> str:
    """HA1, the form in which secrets are stored."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


def digest_response(
    ha1: str,
    method: str,
    params: Mapping[str, str],
    *,
    algorithm: str = "MD5",
    body: bytes = b"",
) -> str:
    """The response parameter that belongs to the others; ValueError when they make no sense."""
    nonce, qop = params.get("nonce", ""), params.get("qop")
    a2 = f"{method}:{params.get('uri', '')}"
    if qop is not None and qop.lower() == "auth-int":
        a2 += f":{ALGORITHMS[algorithm](body).hexdigest()}"  # RFC 7616 3.4.3
    ha2 = _hash(algorithm, a2)
    if qop is None:
        return _hash(algorithm, f"{ha1}:{nonce}:{ha2}")
    count = params.get("nc", "")
    if qop.lower() not in QOPS or len(count) != 8 or not _is_hex(count):
        raise ValueError("qop or nonce count not usable")
    cnonce = params.get("cnonce", "")
    return _hash(algorithm, f"{ha1}:{nonce}:{count}:{cnonce}:{qop}:{ha2}")


def credentials(
    challenges: Sequence[str],
    *,
    user: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    count: int = 1,
    body: bytes = b"",
) -> str | None:
    """Answer the strongest challenge we know; None when there is none (the client's side)."""
    best: Auth | None = None
    ranks = list(ALGORITHMS)
    for value in challenges:
        try:
            offered = parse_auth(value)
        except WireError:
            continue
        rank = _rank(ranks, offered)
        if rank is not None and (best is None or rank < (_rank(ranks, best) or 0)):
            best = offered
    if best is None:
        return None
    asked = best.params
    algorithm = asked.get("algorithm", "MD5").upper()
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    params = {"nonce": nonce, "uri": uri}
    qop = _quality(best)
    if "qop" in asked:
        params |= {"qop": qop, "nc": f"{count:08x}", "cnonce": cnonce}
    ha1 = hash_secret(user, realm, password, algorithm=algorithm)
    response = digest_response(ha1, method, params, algorithm=algorithm, body=body)
    parts = [
        f"username={quote_string(user)}",
        f"realm={quote_string(realm)}",
        f"nonce={quote_string(nonce)}",
        f"uri={quote_string(uri)}",
        f'response="{response}"',
        f"algorithm={algorithm}",
    ]
    if "qop" in asked:
        parts += [f'cnonce="{cnonce}"', f"qop={qop}", f"nc={count:08x}"]
    if "opaque" in asked:
        parts.append(f"opaque={quote_string(asked['opaque'])}")
    return "Digest " + ", ".join(parts)


def _rank(ranks: list[str], offered: Auth) -> int | None:
    algorithm = offered.params.get("algorithm", "MD5").upper()
    if offered.scheme.lower() != "digest" or algorithm not in ranks or not _quality(offered):
        return None
    return ranks.index(algorithm)


def _quality(offered: Auth) -> str:
    """The quality of protection to answer with; empty when we know none of those offered."""
    known = [part.strip().lower() for part in offered.params.get("qop", "auth").split(",")]
    return next((qop for qop in QOPS if qop in known), "")


def _hash(algorithm: str, text: str) -> str:
    function = ALGORITHMS.get(algorithm)
    if function is None:
        raise ValueError(f"algorithm {algorithm!r} not known")
    return function(text.encode("utf-8", "surrogateescape")).hexdigest()


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdefABCDEF" for letter in text)


def _same_uri(signed: str, requested: str) -> bool:
    """Whether the signed URI is the requested one; phones may leave out its parameters."""
    if signed == requested:
        return True
    try:
        one, other = parse_uri(signed), parse_uri(requested)
    except WireError:
        return False
    return (one.scheme, one.user, one.host, one.port) == (
        other.scheme,
        other.user,
        other.host,
        other.port,
    )
