"""What the facade refuses, with a stable code and a text for people in both languages.

ServiceError
└── ServiceUnreachableError    the other process is not there; nothing is known about the request
"""

from collections.abc import Mapping
from typing import Final

CODES: Final = frozenset(
    {
        "wrong-login",  # login or password is wrong; never says which
        "rate-limited",  # too many attempts; retry_s says when to come back
        "signed-out",  # the session or token is unknown, ended or expired
        "forbidden",  # the person's roles do not allow it
        "not-found",  # no such call, person, queue, line, ...
        "invalid",  # fields name what is wrong with the values
        "conflict",  # somebody else changed it, or it is in use
        "wrong-state",  # the agent or call is in a state that does not allow it
        "unavailable",  # the part that would do it is not running
        "too-large",  # a request or upload above the limit
        "malformed",  # the frame or its types are not understood
        "failed",  # a fault of ours; the log has the rest
    }
)


class ServiceError(Exception):
    """A request that was refused; ``code`` is stable, the texts are for people."""

    def __init__(
        self,
        code: str,
        en: str,
        zh: str = "",
        *,
        fields: Mapping[str, str] | None = None,
        retry_s: float = 0.0,
    ) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code if code in CODES else "failed"
        self.en = en
        self.zh = zh or en
        self.fields = dict(fields or {})
        """Field name -> what is wrong with it, as a catalogue key such as ``too-small``."""
        self.retry_s = retry_s

    def text(self, language: str) -> str:
        """The text in the person's language, English when there is no other."""
        return self.zh if language.startswith("zh") else self.en


class ServiceUnreachableError(ServiceError):
    """The service's socket is closed; the request may or may not have been done."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "unavailable", "The control process cannot be reached.", "无法连接控制进程。"
        )
        self.detail = detail
        """What the operating system said; for logs, not for people."""

    def __str__(self) -> str:
        return f"{super().__str__()} {self.detail}".rstrip()
