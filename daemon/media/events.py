"""What the engine reports, as the messages that control is told."""

from collections.abc import Callable

from daemon.link import messages as told
from daemon.link.messages import MediaEvent
from daemon.media.quality import stream_ended
from drivers.api import PortId

Report = str | int | bytes | dict[str, float]


def event_of(kind: str, rest: list[Report], relative: Callable[[str], str]) -> MediaEvent:
    """The message for an event of ``Engine.poll``; ``relative`` names files below the site."""
    match kind, rest:
        case "digit", [int(port), str(key), int(ms), str(source)]:
            return told.DigitDetected(port=PortId(port), key=key, duration_ms=ms, source=source)
        case "play", [int(player), int(port), str(reason)]:
            return told.PlayFinished(player=player, port=PortId(port), reason=reason)
        case "record", [
            int(number),
            int(port),
            str(path),
            int(ms),
            str(chain),
            int(paused),
            int(gap),
            str(why),
        ]:
            return told.RecordFinished(
                recording=number,
                port=PortId(port),
                path=relative(path),
                duration_ms=ms,
                reason=why,
                chain=chain,
                paused_ms=paused,
                gap_ms=gap,
            )
        case "speech", [int(port)]:
            return told.SpeechStarted(port=PortId(port))
        case "speaker", [int(bridge), int(port), int(speaks)]:
            return told.SpeakerChanged(port=PortId(port), bridge=bridge, speaks=bool(speaks))
        case "fax", [int(port), str(tone)]:
            return told.FaxTone(port=PortId(port), tone=tone)
        case "silent", [int(port), int(seconds)]:
            return told.RtpSilent(port=PortId(port), seconds=seconds)
        case "device", [int(port), str(what), int(value)]:
            return told.DeviceEvent(port=PortId(port), kind=what, value=value)
        case "stream", [int(port), dict(counted)]:
            return stream_ended(PortId(port), counted)
        case "transport", [int(port), "selected", str(host), int(rtp_port)]:
            return told.IceSelected(port=PortId(port), host=host, rtp_port=rtp_port)
        case "transport", [int(port), str(state), str(detail), _]:
            return told.DtlsChanged(port=PortId(port), state=state, detail=detail)
        case "caller", [int(port), bytes(message)]:
            return told.CallerHeard(port=PortId(port), message=message)
    raise ValueError(f"the engine reports an unknown {kind}")
