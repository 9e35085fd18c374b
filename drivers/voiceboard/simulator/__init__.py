"""A simulated voice board: it stands on the other side of the device and is the outside world.

The server speaks the protocol of a board socket and shares no code with the driver. Behind
each trunk port is an exchange's line that can ring, send tones and be answered; behind each
station port is a telephone. One clock moves everything in steps of 20 ms.
"""

from drivers.voiceboard.simulator.board import SimulatedBoard
from drivers.voiceboard.simulator.ports import SimulatedPort, SimulatedTelephone
from drivers.voiceboard.simulator.sound import CHINA, CHUNK, Tones, encode, tone
from drivers.voiceboard.simulator.trunk import Outcome, SimulatedTrunk

__all__ = [
    "CHINA",
    "CHUNK",
    "Outcome",
    "SimulatedBoard",
    "SimulatedPort",
    "SimulatedTelephone",
    "SimulatedTrunk",
    "Tones",
    "encode",
    "tone",
]
