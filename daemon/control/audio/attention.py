"""Automatic level and who speaks now, for the legs of one call that are in its conversation.

Nothing is asked of media that the options, or a conference, do not call for. A supervisor is
never attended: nobody is to see that he is there.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from daemon.config import AudioOptions
from daemon.control.calls.call import Phase
from daemon.control.calls.context import CallContext, CallPart
from daemon.link.errors import LinkError
from daemon.link.messages import SpeakerChanged
from drivers.api import PortId

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

CALLER: Final = "caller"
AGENT: Final = "agent"
NOT: Final = (False, False)
"""Neither level nor speaker."""
NOBODY: Final[Mapping[PortId, Any]] = MappingProxyType({})

Kept = TypeVar("Kept")


class Attention(CallPart):
    """What media is asked to do with the voices of one call."""

    __slots__ = (
        "_always",
        "_attended",
        "_names",
        "_options",
        "_speaking",
    )

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        self._options: AudioOptions = context.audio
        self._always = self._options.automatic_level != "off" or self._options.speakers == "all"
        # Most calls are never attended, so these are made anew when they change.
        self._attended: Mapping[PortId, tuple[bool, bool]] = NOBODY
        """By port, what media does now: level, speaker."""
        self._names: Mapping[PortId, str] = NOBODY
        self._speaking: Mapping[PortId, str] = NOBODY

    @property
    def is_spare(self) -> bool:
        """Whether media attends to nobody for us."""
        return not (self._attended or self._names or self._speaking)

    @property
    def is_due(self) -> bool:
        """Whether ``follow`` has anything to do."""
        return self._always or bool(self._attended) or bool(self.call.guests)

    async def follow(self) -> None:
        """Ask of media what the call calls for now."""
        if self.call.phase is Phase.ENDED:
            return  # its ports are closed, or are being closed
        wanted = dict(self._wanted()) if self.call.bridge else {}
        here = {leg.port for leg in self.call.legs}
        for port in [port for port in self._attended if port not in here]:
            self._forget(port)
        for port, before in tuple(self._attended.items()):
            if port not in wanted and before != NOT:
                await self._attend(port, NOT)
                self._forget(port)
        for port, both in wanted.items():
            if self._attended.get(port, NOT) != both:
                await self._attend(port, both)

    def spoke(self, event: SpeakerChanged) -> None:
        """Somebody begins or stops to speak."""
        name = self._names.get(event.port)
        if event.speaks and name is not None:
            self._speaking = {**self._speaking, event.port: name}
        else:
            self._speaking = _without(self._speaking, event.port)
        self._show()

    def _wanted(self) -> Iterator[tuple[PortId, tuple[bool, bool]]]:
        call, level = self.call, self._options.automatic_level
        tells = self._options.speakers == "all" or (
            self._options.speakers == "conferences" and bool(call.guests)
        )
        others = level in ("callers", "all")
        found = [(CALLER, call.caller.port, others)]
        if call.agent_leg is not None:
            found.append((AGENT, call.agent_leg.port, level in ("agents", "all")))
        found += [(guest.to, guest.leg.port, others) for guest in call.guests]
        for name, port, levelled in found:
            if port is not None and (levelled or tells):
                self._names = {**self._names, port: name}
                yield port, (levelled, tells)

    async def _attend(self, port: PortId, both: tuple[bool, bool]) -> None:
        level, speaker = both
        self._attended = {**self._attended, port: both}
        try:
            await self._context.media.attend(port, level=level, speaker=speaker)
        except LinkError as error:
            # They hear each other as they are; that is no reason to end anything.
            self._log.warning("voice is not attended to", port=port, why=str(error))

    def _forget(self, port: PortId) -> None:
        self._attended = _without(self._attended, port)
        self._names = _without(self._names, port)
        if port in self._speaking:
            self._speaking = _without(self._speaking, port)
            self._show()

    def _show(self) -> None:
        self._context.speaking[self.call.id] = tuple(self._speaking.values())
        self._context.changed(self.call)


def _without(by_port: Mapping[PortId, Kept], port: PortId) -> Mapping[PortId, Kept]:
    return {other: kept for other, kept in by_port.items() if other != port} or NOBODY
