"""The compiled builder; ``oracle.py`` is the same in plain Python."""

from collections.abc import Iterable

def build_request(
    method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> bytes: ...
def build_response(
    status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> bytes: ...
