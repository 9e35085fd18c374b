"""A snapshot of what the engine holds, cut into pages that fit into a message."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from daemon.link.messages import (
    BridgeState,
    PlayerState,
    PortState,
    RecordingState,
    Snapshot,
)
from daemon.media.holding import HOLD_PLAYER
from drivers.api import PortId

if TYPE_CHECKING:
    from cython_ext.media import Engine

PAGE: Final = 200  # entries of each kind in one message


def take_picture(
    engine: "Engine",
    *,
    last_event: int,
    claimed: Callable[[PortId], bool],
    relative: Callable[[str], str],
) -> list[Snapshot]:
    """Everything the engine holds at this moment, at least one page."""
    ports = [
        PortState(
            port=PortId(port),
            kind=kind,
            host=host,
            rtp_port=rtp_port,
            remote_host=remote_host,
            remote_port=remote_port,
            claimed=claimed(PortId(port)),
            dtls=engine.dtls_state(port),
        )
        for port, kind, host, rtp_port, remote_host, remote_port in engine.ports()
    ]
    bridges = [
        BridgeState(bridge=bridge, ports=tuple(PortId(port) for port in members))
        for bridge, members in engine.bridges()
    ]
    players = [
        PlayerState(player=player, port=PortId(port))
        for player, port in engine.players()
        if not player & HOLD_PLAYER
    ]
    recordings = [
        RecordingState(recording=number, port=PortId(port), path=relative(path))
        for number, port, path in engine.recordings()
    ]
    kinds: tuple[Sequence[Any], ...] = (ports, bridges, players, recordings)
    cut = list(zip_longest(*(_pages(items) for items in kinds), fillvalue=()))
    return [
        Snapshot(
            last_event=last_event,
            pages=max(len(cut), 1),
            ports=page[0],
            bridges=page[1],
            players=page[2],
            recordings=page[3],
        )
        for page in cut or [((), (), (), ())]
    ]


def _pages(items: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [tuple(items[at : at + PAGE]) for at in range(0, len(items), PAGE)]
