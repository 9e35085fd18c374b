"""Bridges: which ports hear each other, as the owner of an engine keeps them."""

from typing import Final

from cython_ext.media import _media
from cython_ext.media._media import Ports
from cython_ext.media.clips import EngineError, factor
from cython_ext.media.owner import Owner

_PARTS: Final = {"talks": 0, "listens": 1, "whispers": 2}  # enum hf_part


class Bridging(Owner):
    """The part of an engine that joins ports."""

    _table: Ports

    def join(
        self, bridge: int, port: int, *, part: str = "talks", agent: int | None = None
    ) -> None:
        """Put a port into a bridge, made when new; it leaves the one it was in.

        One who ``listens`` is heard by nobody, one who ``whispers`` by the agent alone; a
        member's part changes at once when it joins again.
        """
        as_what = _PARTS.get(part)
        if as_what is None or (part == "whispers") != (agent is not None):
            raise EngineError("bad-argument", f"nobody {part!r} in a bridge with agent {agent}")
        self._table.join(bridge, port, as_what, agent)

    def leave(self, port: int) -> None:
        """Take a port out of its bridge."""
        self._table.leave(port)

    def set_gain(self, bridge: int, heard: int, by: int, gain_db: float) -> None:
        """Set how loud ``by`` hears ``heard``; -90 dB or less is silence."""
        room = self._table.rooms.get(bridge)
        if room is None or heard not in room.ports or by not in room.ports:
            raise EngineError("unknown-bridge", f"{heard} and {by} are not in bridge {bridge}")
        first, second = self._port(heard), self._port(by)
        self._push(_media.GAIN, first, room, second, gain=factor(gain_db))

    def unbridge(self, bridge: int) -> None:
        """End a bridge; its ports stay, and nothing happens without it."""
        room = self._table.rooms.get(bridge)
        for port in room.ports if room is not None else ():
            self.leave(port)

    def bridges(self) -> list[tuple[int, list[int]]]:
        """Bridges with their ports."""
        return [(bridge, room.ports) for bridge, room in self._table.rooms.items()]
