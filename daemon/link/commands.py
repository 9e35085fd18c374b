"""What control may ask of media; every command carries an id and may be sent again."""

from typing import Annotated, Final

from daemon.link.messages import (
    NO_MORE,
    Command,
    Decimal,
    Identifier,
    Message,
    Number16,
    Number32,
    Port,
    Raw,
    Signed,
    String,
    Truth,
)
from drivers.api import PortId

NO_PAYLOAD_TYPE: Final = 255


def is_hurried(command: Command) -> bool:
    """Whether somebody would notice that the command leaves 10 ms later.

    Nobody does for the end of a port, nor for one that nobody talks to yet: they share a packet
    with what comes next.
    """
    if type(command) is OpenRtp:
        return not command.granted or command.stream is not None
    return type(command) not in (ClosePort, GrantPorts)


def is_waited_for(command: Command) -> bool:
    """Whether anything depends on the reply's coming at once.

    What plays is heard whether control knows it or not, and a port that was granted is open:
    only a refusal is news.
    """
    if type(command) is OpenRtp:
        return not command.granted
    return type(command) not in (ClosePort, GrantPorts, Play, PlayTone)


class Hello(Message, frozen=True, kw_only=True):
    """Control says who it is and what it saw last."""

    session: Identifier
    """One control process; a new one means that nothing is claimed yet."""
    instance: Identifier
    """The media process last seen, 0 when none."""
    last_event: Identifier


class Welcome(Message, frozen=True, kw_only=True):
    """Media says who it is; the events missed since follow, oldest first."""

    instance: Identifier
    last_event: Identifier
    missed: Identifier
    """Events that were asked for and are no longer kept."""


class ConnectRtp(Command, frozen=True, kw_only=True):
    """Start or change the stream of an RTP port."""

    port: Port
    host: String
    """Address of the peer, verbatim; empty to learn it from the first packet."""
    rtp_port: Number16
    payload_type: Number16
    codec: String
    dtmf_payload_type: Number16 = NO_PAYLOAD_TYPE
    ptime_ms: Number16 = 20
    send: Truth = True
    receive: Truth = True
    rtcp_mux: Truth = False
    """Reports share the port (RFC 5761); else they use the next one up."""
    srtp_suite: String = ""
    """Crypto suite of SDES; empty for plain RTP."""
    srtp_inward: Raw = b""
    """Key and salt that the peer seals with."""
    srtp_outward: Raw = b""
    """Key and salt that we seal with."""
    transcode: Truth = False
    """Decode and code Opus; once asked for, the port can do so as long as it is open."""


class OpenRtp(Command, frozen=True, kw_only=True):
    """Open an RTP port; answered by RtpOpened, or by Done where it was granted."""

    port: Port
    rtp_port: Number16 = 0
    """Exactly this UDP port, for a leg that was lost with a media process; 0: any."""
    stream: ConnectRtp | None = None
    """The stream to start at once, of the same port; when that cannot be, no port is opened."""
    granted: Truth = False
    """``rtp_port`` was promised by ``PortsGranted``: it is not refused for want of time."""


class GrantPorts(Command, frozen=True, kw_only=True):
    """Keep ports for legs to come; answered by PortsGranted, with fewer when there are fewer."""

    count: Number16


class OpenDtls(Command, frozen=True, kw_only=True):
    """Take the keys of an RTP port from DTLS-SRTP (RFC 5763); answered by DtlsOpened.

    Asked again for the same port it restarts ICE: other credentials, the same association.
    The stream itself is set with ConnectRtp, whose address does not count then.
    """

    port: Port
    ice: Truth = True
    """Find the peer by ICE-lite (RFC 8445); without it by its address."""
    ufrag: String = ""
    """Ours, 4 to 256 characters; empty to have one made."""
    password: String = ""
    """Ours, 22 to 256 characters; empty to have one made."""


class ConnectDtls(Command, frozen=True, kw_only=True):
    """Tell who the peer is, so that the handshake may begin; told by DtlsChanged.

    Refused as ``fingerprint`` without one of a kind that is supported, as ``dtls-connected``
    with others than before.
    """

    port: Port
    client: Truth
    """We begin: our ``a=setup`` is active; else it is passive."""
    fingerprints: Annotated[tuple[str, ...], NO_MORE]
    """Values of the peer's ``a=fingerprint``, such as ``sha-256 AB:CD:...``."""
    ufrag: String = ""
    """The peer's, with ICE. Its password is of no use to a lite agent."""
    host: String = ""
    """Without ICE: address of the peer, verbatim; empty to learn it."""
    rtp_port: Number16 = 0


class ClosePort(Command, frozen=True, kw_only=True):
    """Give a port back."""

    port: Port


class SendDigits(Command, frozen=True, kw_only=True):
    """Send keys; a comma is a pause of half a second."""

    port: Port
    digits: String


class Play(Command, frozen=True, kw_only=True):
    """Play files one after the other; replaces what the port plays."""

    port: Port
    player: Identifier
    files: Annotated[tuple[str, ...], NO_MORE]
    repeat: Number32 = 1
    gain_db: Decimal = 0.0
    stop_on_digit: Truth = False
    start_ms: Number32 = 0
    """Where in the files together it begins."""
    speed: Decimal = 1.0
    """0.5 to 2, with the pitch that they have."""
    in_step: Truth = False
    """For ever, and as far as all others who play the same files in step."""


class SeekPlay(Command, frozen=True, kw_only=True):
    """Move a player of files; nothing happens when it has ended."""

    player: Identifier
    ms: Signed
    """From the beginning of its files; not beyond their ends."""
    relative: Truth = False
    """From where it is."""


class SetSpeed(Command, frozen=True, kw_only=True):
    """Play files slower or faster with the pitch that they have."""

    player: Identifier
    speed: Decimal
    """0.5 to 2."""


class SetRepeat(Command, frozen=True, kw_only=True):
    """Play files so many times, the round that plays counted; 0 for ever."""

    player: Identifier
    repeat: Number32


class PlayTone(Command, frozen=True, kw_only=True):
    """Play a cadence of tones; replaces what the port plays."""

    port: Port
    player: Identifier
    frequencies: Annotated[tuple[tuple[Decimal, Decimal], ...], NO_MORE]
    cadence_ms: Annotated[tuple[tuple[Number32, Number32], ...], NO_MORE]
    repeat: Number32 = 0
    level_dbm0: Decimal = -13.0
    stop_on_digit: Truth = False


class StopPlay(Command, frozen=True, kw_only=True):
    """Stop a player; nothing happens when it has ended."""

    player: Identifier


class Bridge(Command, frozen=True, kw_only=True):
    """Join the audio of two ports; a port leaves the bridge it was in."""

    bridge: Identifier
    a: Port
    b: Port


class Join(Command, frozen=True, kw_only=True):
    """Add a port to a bridge (at most 64 in one), or change the part of a member."""

    bridge: Identifier
    port: Port
    part: String = "talks"
    """talks, listens (nobody hears it) or whispers (only ``agent`` hears it)."""
    agent: Port = PortId(0)


class Leave(Command, frozen=True, kw_only=True):
    """Take a port out of its bridge."""

    port: Port


class SetGain(Command, frozen=True, kw_only=True):
    """Set how loud one member of a bridge hears another; below -90 dB is nothing."""

    bridge: Identifier
    heard: Port
    by: Port
    gain_db: Decimal


class Unbridge(Command, frozen=True, kw_only=True):
    """End a bridge; its ports stay."""

    bridge: Identifier


class StartRecording(Command, frozen=True, kw_only=True):
    """Record a port into a WAV file below the site's recordings."""

    recording: Identifier
    port: Port
    path: String
    stereo: Truth = True
    max_s: Decimal = 0.0
    silence_s: Decimal = 0.0
    coding: String = "pcm16"
    """pcm16, alaw or ulaw, all at 8000 Hz."""
    chain: Truth = False
    """Write a SHA-256 link a second into a file beside it."""
    tone_s: Decimal = 0.0
    """Seconds from consent tone to consent tone, which both sides hear; 0: none."""


class PauseRecording(Command, frozen=True, kw_only=True):
    """Record silence (a card number is told), or the call again; the pause is counted."""

    recording: Identifier
    on: Truth


class StopRecording(Command, frozen=True, kw_only=True):
    """Finish a recording; RecordFinished follows."""

    recording: Identifier


class OpenTap(Command, frozen=True, kw_only=True):
    """Copy what a port hears into a ring; answered by TapOpened with two descriptors."""

    port: Port
    rate: Number16 = 8000
    """Samples a second, 8000 or 16000; a port may have a tap of each. Only G.722, and Opus that
    is transcoded, have more than 3.4 kHz to fill 16000 with. 0: 16000 of such a leg, else 8000."""


class CopyPackets(Command, frozen=True, kw_only=True):
    """Copy what an RTP port sends and receives into a ring; answered by TapOpened."""

    port: Port


class EndCopies(Command, frozen=True, kw_only=True):
    """Copy the packets of a port no longer."""

    port: Port


class CloseTap(Command, frozen=True, kw_only=True):
    """End a port's tap, with the rate 0 both."""

    port: Port
    rate: Number16 = 8000


class ArmBargeIn(Command, frozen=True, kw_only=True):
    """Report the first speech on a port, once; or stop listening for it."""

    port: Port
    on: Truth


class Attend(Command, frozen=True, kw_only=True):
    """What the others in a bridge get of a port beyond its samples; both are off at first."""

    port: Port
    level: Truth = False
    """Bring its speech to about -20 dBm0, by 12 dB at most."""
    speaker: Truth = False
    """Tell by SpeakerChanged when it begins and stops to speak."""


class WatchFax(Command, frozen=True, kw_only=True):
    """Report the first fax tone on a port, once; or stop watching for it."""

    port: Port
    on: Truth


class HearCaller(Command, frozen=True, kw_only=True):
    """Read caller identity sent by FSK (CallerHeard follows), or stop doing so."""

    port: Port
    on: Truth


class PlayCaller(Command, frozen=True, kw_only=True):
    """Send a caller-identity message by FSK; PlayFinished follows."""

    port: Port
    player: Identifier
    message: Raw
    """Type, length, parameters and checksum."""
    standard: String = "bell202"
    """bell202 or v23."""
    level_dbm0: Decimal = -14.0


class Claim(Command, frozen=True, kw_only=True):
    """Say that these ports are known and wanted, so that the grace time spares them."""

    ports: Annotated[tuple[Port, ...], NO_MORE]


class SayWhileAway(Command, frozen=True, kw_only=True):
    """What callers hear who would hear nothing while control is away; no files: a short beep."""

    files: Annotated[tuple[str, ...], NO_MORE]


class TakeSnapshot(Command, frozen=True, kw_only=True):
    """Ask for a page of what media holds; page 0 takes a new picture."""

    page: Number32 = 0


class ReadCounters(Command, frozen=True, kw_only=True):
    """Ask for the counters of a port, or of the engine with port 0."""

    port: Port = PortId(0)


class HostCommand(Command, frozen=True, kw_only=True):
    """A request to a driver that runs in media; answered by HostAnswer."""

    host: String
    payload: Raw
