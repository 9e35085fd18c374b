"""Passwords as argon2, secrets as SHA-256, and how often one may guess.

Pure but for hashing time: the present is an argument. Whoever runs it on a loop puts
``check`` and ``hash`` into a thread, for one takes tens of milliseconds on purpose.
"""

import hashlib
import secrets
from collections import deque
from itertools import pairwise
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_PASSWORD: Final = 10  # characters; length is what counts (NIST SP 800-63B 5.1.1)
MOST_PASSWORD: Final = 256  # characters; a longer one only costs us time
FAILURES_A_LOGIN: Final = 5
FAILURES_AN_ADDRESS: Final = 20
WINDOW_S: Final = 300.0
MOST_KEYS: Final = 10_000


def new_secret(prefix: str = "") -> str:
    """A random secret of 256 bits, fit for a cookie or a header."""
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """What is stored of a random secret: SHA-256 in hex; it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


class PasswordKeeper:
    """Hashes passwords and checks them, also for people who do not exist."""

    def __init__(self, *, time_cost: int = 2, memory_kib: int = 19_456) -> None:
        # 19 MiB, two passes, one lane: OWASP password storage, argon2id
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._nobody = self._hasher.hash(new_secret())

    def hash(self, password: str) -> str:
        """The argon2id string to store."""
        return self._hasher.hash(password)

    def check(self, stored: str | None, password: str) -> bool:
        """True when the password fits; as slow for an unknown person as for a known one."""
        if len(password) > MOST_PASSWORD:
            return False
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, stored: str) -> bool:
        """True when the hash was made with other parameters and should be made anew."""
        return self._hasher.check_needs_rehash(stored)


def password_fault(password: str, login: str) -> str:
    """Catalogue key of what is wrong with a new password; empty when nothing is."""
    if len(password) < LEAST_PASSWORD:
        return "password-too-short"
    if len(password) > MOST_PASSWORD:
        return "password-too-long"
    if login and login.lower() in password.lower():
        return "password-has-login"
    return ""


def pin_fault(pin: str) -> str:
    """Catalogue key of what is wrong with a mailbox's new PIN; empty when nothing is.

    It is of digits that are neither the same all over nor in a row.
    """
    if not (pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 16):
        return "not-a-pin"
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    return "easy-pin" if len(steps) == 1 and steps <= {0, 1, 9} else ""


class LoginLimiter:
    """Counts failed log-ins a person and an address in a sliding window."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def retry_s(self, login: str, address: str, now: float) -> float:
        """0 when an attempt is allowed, else how many seconds to wait."""
        return max(
            self._wait(("login", login), FAILURES_A_LOGIN, now),
            self._wait(("address", address), FAILURES_AN_ADDRESS, now),
        )

    def failed(self, login: str, address: str, now: float) -> None:
        """Count a wrong password."""
        if len(self._failures) > MOST_KEYS:
            self._forget(now)
        for key in (("login", login), ("address", address)):
            self._failures.setdefault(key, deque(maxlen=FAILURES_AN_ADDRESS)).append(now)

    def succeeded(self, login: str) -> None:
        """Forget the person's failures; those of the address stay."""
        self._failures.pop(("login", login), None)

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float:
        recent = [at for at in self._failures.get(key, ()) if now - at < WINDOW_S]
        return recent[-limit] + WINDOW_S - now if len(recent) >= limit else 0.0

    def _forget(self, now: float) -> None:
        self._failures = {
            key: times for key, times in self._failures.items() if now - times[-1] < WINDOW_S
        }
