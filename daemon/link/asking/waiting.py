"""A command of control that has no reply yet, and who is to be told."""

import asyncio
from collections.abc import Callable
from typing import Any

from daemon.link.errors import LinkError
from daemon.link.messages import Command, Reply

Read = Callable[[Reply, list[int]], Any]
"""Makes of a reply, and of the descriptors that came with it, what the asker gets."""
Failed = Callable[[LinkError], None]
"""Hears why a command was not carried out."""


class Waiting:
    """A command that has no reply yet."""

    __slots__ = ("ahead", "answer", "command", "deadline", "frame", "read")

    def __init__(
        self,
        command: Command,
        frame: bytes,
        answer: "asyncio.Future[Any] | Failed",
        read: Read | None,
        deadline: float,
        ahead: bool,  # noqa: FBT001
    ) -> None:
        self.command = command
        self.frame = frame
        self.answer = answer
        self.read = read
        self.deadline = deadline
        self.ahead = ahead

    def fail(self, error: LinkError) -> None:
        """Tell who asked that it was not carried out."""
        if not isinstance(self.answer, asyncio.Future):
            self.answer(error)
        elif not self.answer.done():
            self.answer.set_exception(error)
