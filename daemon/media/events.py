"""What the engine reports, as the messages that control is told."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from daemon.link import messages as told
from daemon.link.messages import MediaEvent
from daemon.media.quality import stream_ended
from drivers.api import PortId

if TYPE_CHECKING:  # in pure mode there is no engine
    from cython_ext.media import Event

Relative = Callable[[str], str]


def event_of(event: "Event", relative: Relative) -> MediaEvent:
    """The message for an event of ``Engine.poll``; ``relative`` names files below the site."""
    kind, *rest = event
    if kind == "record":
        return _record_finished(relative, *rest)
    return _MESSAGES[str(kind)](*rest)


def _digit(port: int, key: str, duration_ms: int, source: str) -> MediaEvent:
    return told.DigitDetected(port=PortId(port), key=key, duration_ms=duration_ms, source=source)


def _play_finished(player: int, port: int, reason: str) -> MediaEvent:
    return told.PlayFinished(player=player, port=PortId(port), reason=reason)


def _record_finished(relative: Relative, *facts: Any) -> MediaEvent:
    number, port, path, duration_ms, chain, paused_ms, gap_ms, reason = facts
    return told.RecordFinished(
        recording=number,
        port=PortId(port),
        path=relative(path),
        duration_ms=duration_ms,
        reason=reason,
        chain=chain,
        paused_ms=paused_ms,
        gap_ms=gap_ms,
    )


def _speaker(bridge: int, port: int, speaks: int) -> MediaEvent:
    return told.SpeakerChanged(port=PortId(port), bridge=bridge, speaks=bool(speaks))


def _device(port: int, what: str, value: int) -> MediaEvent:
    return told.DeviceEvent(port=PortId(port), kind=what, value=value)


def _transport(port: int, state: str, detail: str, rtp_port: int) -> MediaEvent:
    if state == "selected":
        return told.IceSelected(port=PortId(port), host=detail, rtp_port=rtp_port)
    return told.DtlsChanged(port=PortId(port), state=state, detail=detail)


_MESSAGES: Final[dict[str, Callable[..., MediaEvent]]] = {
    "digit": _digit,
    "play": _play_finished,
    "speech": lambda port: told.SpeechStarted(port=PortId(port)),
    "speaker": _speaker,
    "fax": lambda port, tone: told.FaxTone(port=PortId(port), tone=tone),
    "silent": lambda port, seconds: told.RtpSilent(port=PortId(port), seconds=seconds),
    "device": _device,
    "stream": lambda port, counted: stream_ended(PortId(port), counted),
    "transport": _transport,
    "caller": lambda port, message: told.CallerHeard(port=PortId(port), message=message),
}
