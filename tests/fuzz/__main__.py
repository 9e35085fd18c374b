"""Feeds changed packets to the link protocol for a time: ``python -m tests.fuzz [seconds]``.

The parser may refuse with MessageError and nothing else, and what it accepts, written and
read again, must be the same.
"""

import random
import sys
import time

from daemon.link.errors import MessageError
from daemon.link.frames import Frame, Unreadable, build_frame, build_packet, parse_packet
from daemon.link.messages import Message

ROUND = 1000


def seeds() -> list[bytes]:
    """Packets of one message each, and one of them all."""
    from daemon.link import commands as ask
    from daemon.link import messages as told
    from drivers.api import PortId

    port = PortId(7)
    stream = ask.ConnectRtp(port=port, host="::1", rtp_port=9, payload_type=8, codec="PCMA")
    bodies: list[Message] = [
        ask.OpenRtp(port=port),
        ask.OpenRtp(port=port, stream=stream),
        stream,
        ask.ClosePort(port=port),
        ask.OpenRtp(port=port, rtp_port=4000, granted=True),
        ask.GrantPorts(count=32),
        ask.Play(port=port, player=3, files=("cache/prompts/a.8k.s16",)),
        ask.PlayTone(port=port, player=3, frequencies=((425.0, 0.0),), cadence_ms=((1, 2),)),
        ask.Claim(ports=(port, PortId(8))),
        ask.HostCommand(host="board", payload=b"{}"),
        told.Snapshot(last_event=3, bridges=(told.BridgeState(bridge=1, ports=(port,)),)),
        told.Counters(values=(("packets_in", 3.0),)),
        told.DigitDetected(port=port, key="5", duration_ms=100, source="rfc4733"),
        told.PlayFinished(player=3, port=port, reason="stopped"),
        told.EventsLost(missed=3),
        told.Done(also=(1, 2, 3)),
        told.PortsGranted(host="192.0.2.1", ports=(4000, 4002)),
        told.PortsWithdrawn(ports=(4000,)),
    ]
    frames = [build_frame(Frame(1, body)) for body in bodies]
    return [build_packet([frame]) for frame in frames] + [build_packet(frames)]


def mutate(packet: bytes, chance: random.Random) -> bytes:
    """The packet with a few octets changed, cut out or doubled."""
    changed = bytearray(packet)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] = chance.choice((0, 0xFF, chance.randrange(256)))
            case 1:
                del changed[at : at + chance.randint(1, 8)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 8)]
            case 3 if len(changed) > 4:
                changed[4] = chance.randrange(16)  # how many frames there are
    return bytes(changed)


def run(seconds: float, seed: int) -> tuple[int, int]:
    """Packets tried and packets accepted; any exception but MessageError goes through."""
    chance, known = random.Random(seed), seeds()
    until, tried, accepted = time.monotonic() + seconds, 0, 0
    while True:
        for _ in range(ROUND):
            packet = mutate(chance.choice(known), chance)
            tried += 1
            try:
                frames = parse_packet(packet)
            except MessageError:
                continue
            readable = [frame for frame in frames if not isinstance(frame.body, Unreadable)]
            accepted += len(readable) > 0
            if parse_packet(build_packet([build_frame(frame) for frame in readable])) != readable:
                raise AssertionError(f"changed on the way: {packet.hex()}")
        if time.monotonic() >= until:
            return tried, accepted


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {start}\n")
    counted = run(length, start)
    sys.stdout.write(f"{counted[0]} packets, {counted[1]} accepted, none did harm\n")
