import socket
from collections.abc import Callable
from typing import Generic, TypeVar, final

Place = TypeVar("Place")

@final
class Datagrams(Generic[Place]):
    def __init__(self, sock: socket.socket, place: Callable[[str, int], Place]) -> None: ...
    def receive(self) -> list[tuple[bytes, Place]]: ...
    def send(self, data: bytes, host: str, port: int) -> bool: ...
