"""Bridges: which ports hear each other, as the owner of an engine keeps them."""

from typing import Final

from cython_ext.media import _media
from cython_ext.media._media import MEMBERS, MOST_MEMBERS
from cython_ext.media.clips import EngineError, factor
from cython_ext.media.held import OpenPort, Room
from cython_ext.media.owner import Owner

_PARTS: Final = ("talks", "listens", "whispers")  # the order of enum hf_part


class Bridging(Owner):
    """The part of an engine that joins ports."""

    def __init__(self) -> None:
        self._rooms: dict[int, Room] = {}
        super().__init__()

    def join(
        self, bridge: int, port: int, *, part: str = "talks", agent: int | None = None
    ) -> None:
        """Put a port into a bridge, made when new; it leaves the one it was in.

        One who ``listens`` is heard by nobody, one who ``whispers`` by the agent alone; a
        member's part changes at once when it joins again.
        """
        found = self._port(port)
        if part not in _PARTS or (part == "whispers") != (agent is not None):
            raise EngineError("bad-argument", f"nobody {part!r} in a bridge with agent {agent}")
        heard = None if agent is None else self._port(agent).handle
        room = self._room_for(bridge, port)
        self._push(_media.JOIN, found.handle, room.handle, heard, flag=_PARTS.index(part))
        self._rooms[bridge] = room
        if found.bridge != bridge:
            self._out_of_room(port, found)
            room.ports.append(port)
            found.bridge = bridge

    def _room_for(self, bridge: int, port: int) -> Room:
        """The bridge with a place for the port: made or enlarged when needed."""
        room = self._rooms.get(bridge)
        if room is None:
            return Room(_media.new_room(bridge, MEMBERS), MEMBERS)
        if port not in room.ports and len(room.ports) >= room.capacity:
            if room.capacity >= MOST_MEMBERS:
                raise EngineError("bridge-full", f"bridge {bridge} has {MOST_MEMBERS} ports")
            larger = _media.new_room(bridge, MOST_MEMBERS)
            self._push(_media.GROW, larger, room.handle)
            room.handle, room.capacity = larger, MOST_MEMBERS
        return room

    def leave(self, port: int) -> None:
        """Take a port out of its bridge."""
        found = self._port(port)
        self._push(_media.LEAVE, found.handle)
        self._out_of_room(port, found)

    def _out_of_room(self, port: int, found: OpenPort) -> None:
        """A bridge that its last port has left ends by itself."""
        if found.bridge is None:
            return
        room = self._rooms[found.bridge]
        room.ports.remove(port)
        if not room.ports:
            self._push(_media.END_ROOM, None, room.handle)
            del self._rooms[found.bridge]
        found.bridge = None

    def set_gain(self, bridge: int, heard: int, by: int, gain_db: float) -> None:
        """Set how loud ``by`` hears ``heard``; -90 dB or less is silence."""
        room = self._rooms.get(bridge)
        if room is None or heard not in room.ports or by not in room.ports:
            raise EngineError("unknown-bridge", f"{heard} and {by} are not in bridge {bridge}")
        first, second = self._port(heard).handle, self._port(by).handle
        self._push(_media.GAIN, first, room.handle, second, gain=factor(gain_db))

    def unbridge(self, bridge: int) -> None:
        """End a bridge; its ports stay, and nothing happens without it."""
        room = self._rooms.get(bridge)
        for port in list(room.ports) if room is not None else ():
            self.leave(port)

    def bridges(self) -> list[tuple[int, list[int]]]:
        """Bridges with their ports."""
        return [(bridge, list(room.ports)) for bridge, room in self._rooms.items()]
