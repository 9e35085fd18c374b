"""The C engine behind Python: objects, the commands that carry them, events."""

from collections.abc import Sequence
from typing import Final, Self, final

from typing_extensions import disjoint_base

from cython_ext.media.held import Transport

MEMBERS: Final[int]
MOST_MEMBERS: Final[int]
MAX_PORTS: Final[int]
PORT_RECORDERS: Final[int]
TAP_SAMPLES: Final[int]

PORT: Final[int]
PLAYER: Final[int]
ROOM: Final[int]
RECORDER: Final[int]
TAP: Final[int]
KEYRING: Final[int]
SECURE: Final[int]
ON_TRANSPORT: Final[int]

AES_CM_80: Final[int]
AES_CM_32: Final[int]
AES_GCM_128: Final[int]

ALAW: Final[int]
ULAW: Final[int]
S16: Final[int]
L16: Final[int]
G722: Final[int]
OPUS: Final[int]
INBAND: Final[int]
HARDWARE: Final[int]

ON_KEY: Final[int]
ON_PLAY: Final[int]
ON_RECORD: Final[int]
ON_SPEECH: Final[int]
ON_SILENCE: Final[int]
ON_DEVICE: Final[int]
ON_CALLER: Final[int]
ON_SPEAKER: Final[int]

ADD_PORT: Final[int]
CLOSE_PORT: Final[int]
PLAY: Final[int]
STOP_PLAY: Final[int]
JOIN: Final[int]
LEAVE: Final[int]
GAIN: Final[int]
END_ROOM: Final[int]
RECORD: Final[int]
STOP_RECORD: Final[int]
OPEN_TAP: Final[int]
CLOSE_TAP: Final[int]
ARM: Final[int]
GROW: Final[int]
PAUSE_RECORD: Final[int]
HEAR_CALLER: Final[int]
ATTEND: Final[int]
STEER: Final[int]
SEEK_TO: Final[int]
SEEK_BY: Final[int]
SPEED: Final[int]
REPEAT: Final[int]
OF_SAMPLES: Final[int]
OF_PACKETS: Final[int]
OF_WIDE_SAMPLES: Final[int]

@disjoint_base
class Handle:
    """An object of the engine; dropping one that was never handed over frees it."""

    @property
    def kind(self) -> int:
        """PORT, PLAYER, ROOM, RECORDER, TAP or KEYRING."""
    @property
    def id(self) -> int:
        """The number it was made with."""

def bind_rtp(host: str, port: int) -> tuple[int, int]: ...
def new_rtp(number: int, fd: int, host: str, rtp_port: int, spare: int) -> OpenPort: ...
def open_reports(handle: Handle) -> int: ...
def new_keyring(number: int, suite: int, inward: bytes, outward: bytes) -> Handle: ...
def new_device(number: int, fd: int, law: int, key_source: int) -> OpenPort: ...
def new_player(
    number: int,
    clips: Sequence[bytes | memoryview],
    *,
    repeat: int,
    gain: float,
    stop_on_key: bool,
    speed: float = 1.0,
    start_ms: int = 0,
    in_step: bool = False,
) -> Handle: ...
def new_tones(
    number: int,
    steps: list[tuple[float, float, int, int]],
    *,
    repeat: int,
    peak: float,
    stop_on_key: bool,
) -> Handle: ...
def load_opus() -> bool: ...
def new_recorder(
    number: int,
    fd: int,
    chain_fd: int,
    *,
    law: int,
    stereo: bool,
    max_s: float,
    silence_s: float,
    tone_s: float,
) -> Handle: ...
def recorded(handle: Handle) -> tuple[str, int, int]: ...
def new_caller_id(number: int) -> Handle: ...
def caller_id_samples(message: bytes, kind: int, amplitude: float) -> bytes: ...
def new_tap(number: int, tapped: int = 0) -> tuple[Handle, int, int]: ...

@final
class Core:
    """One engine thread and one file thread; for one Python thread."""

    def __new__(cls, *, realtime: bool, rtp_silence_s: int) -> Self: ...
    @property
    def scheduling(self) -> str: ...
    @property
    def load(self) -> float: ...
    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def release(self) -> None: ...
    def fileno(self) -> int: ...
    def events(self) -> list[tuple[int, int, int, int, int, int]]: ...
    def retired(self) -> list[Handle]: ...
    def push(
        self,
        op: int,
        subject: Handle | None = None,
        target: Handle | None = None,
        third: Handle | None = None,
        flag: int = 0,
        gain: float = 0.0,
    ) -> bool: ...
    def record(self, port: Handle, recorder: Handle) -> bool: ...
    def connect(
        self,
        port: Handle,
        host: str,
        rtp_port: int,
        *,
        law: int,
        payload_type: int,
        key_payload_type: int,
        packet_samples: int,
        send: bool,
        receive: bool,
        rtcp_mux: bool,
        rtcp_fd: int,
        new_keys: bool,
        keyring: Handle | None,
        coder: int,
        gathers: bool,
    ) -> bool: ...
    def keys(self, port: Handle, keys: bytes) -> bool: ...
    def port_counters(self, handle: Handle) -> dict[str, float]: ...
    def counters(self) -> dict[str, float]: ...
    def lateness(self) -> list[int]: ...
    def open_transport(
        self, port: Handle, ufrag: str, password: str
    ) -> tuple[Handle, str] | None: ...
    def restart_transport(self, transport: Handle, ufrag: str, password: str) -> None: ...
    def describe_peer(
        self,
        transport: Handle,
        ufrag: str,
        digests: list[bytes],
        host: str,
        port: int,
        *,
        client: bool,
    ) -> None: ...
    def transport_figures(self, transport: Handle) -> tuple[dict[str, float], str, int]: ...

NO_FD: Final[int]
MOST_RESTING: Final[int]
LEAST_RESTING: Final[int]

@final
class OpenPort(Handle):
    """An open port as its owner knows it."""

    remote: tuple[str, int]
    """An empty host where it is learnt."""
    srtp: object
    transport: Transport | None
    reports: bool
    g722: bool
    opus: bool
    gathers: bool
    """Whether it has room for packets that are no frames."""
    spare: int
    """A socket for RTCP that the engine does not have yet; -1: none."""

    @property
    def is_rtp(self) -> bool:
        """Whether it has sockets, and is no device."""
    @property
    def local(self) -> tuple[str, int]:
        """Our address."""
    @property
    def bridge(self) -> int | None:
        """The bridge it is in."""
    @property
    def taps(self) -> dict[int, tuple[int, int, int]]:
        """By what they copy: OF_SAMPLES, OF_WIDE_SAMPLES, OF_PACKETS."""

@final
class Room(Handle):
    """A bridge and its ports."""

    @property
    def ports(self) -> list[int]:
        """Numbers of the ports, in the order in which they came."""

@final
class Resting:
    """Bound sockets of closed ports, the pair that rests longest first."""

    def __init__(self, most: int = ...) -> None: ...
    def __len__(self) -> int: ...
    def holds(self, host: str, port: int) -> bool: ...
    def kept(self) -> list[tuple[str, int]]: ...
    def quiet(self, host: str, port: int) -> bool: ...
    def put(self, local: tuple[str, int], rtp: int, rtcp: int) -> None: ...
    def rested(self, host: str) -> int: ...
    def take(self, host: str, port: int) -> tuple[int, int]: ...
    def close(self) -> None: ...

@final
class Ports:
    """The ports that are open, the bridges they are in, and the sockets that rest."""

    open: Final[dict[int, OpenPort]]
    rooms: Final[dict[int, Room]]
    resting: Final[Resting]
    granted: Final[Resting]

    def __init__(self, core: Core, most_resting: int) -> None: ...
    def port(self, number: int) -> OpenPort: ...
    def check_room_for(self, number: int, granted: bool = False) -> None: ...
    def take(self, host: str, port: int) -> tuple[int, int]: ...
    def give_back(self, host: str, port: int) -> None: ...
    def open_stream(
        self,
        number: int,
        local: str,
        host: str,
        rtp_port: int,
        law: int,
        payload_type: int,
        key_payload_type: int,
        packet_samples: int,
        send: bool,
        receive: bool,
        rtcp_mux: bool,
        granted: int = 0,
    ) -> int: ...
    def join(self, bridge: int, number: int, part: int, agent: int | None) -> None: ...
    def leave(self, number: int) -> None: ...
    def close(self, number: int) -> None: ...
    def closed(self, found: OpenPort) -> dict[str, float] | None: ...
    def stopped(self) -> None: ...
