"""The recordings of one call: its conversations, and what its caller says after the tone."""

from typing import Final

from daemon.control.calls.call import OpenRecording
from daemon.control.calls.context import CallPart
from daemon.control.records import recording_path
from daemon.link.messages import RecordFinished
from drivers.api import PortId
from drivers.errors import DriverError
from ivr.actions import RecordMessage

MIN_MESSAGE_MS: Final = 1000  # ms; shorter is a click and a hang-up, not a message


class CallRecordings(CallPart):
    """Starts recordings, and notes how messages ended."""

    __slots__ = ()

    async def record_message(self, action: RecordMessage) -> int:
        """Record what the caller says."""
        call = self.call
        if call.caller.port is None:
            raise DriverError("a message needs an audio port")
        return await self.record(
            "message",
            call.caller.port,
            mailbox=action.mailbox,
            max_s=action.max_s,
            silence_s=action.silence_s,
        )

    async def record(
        self,
        kind: str,
        port: PortId,
        *,
        mailbox: str = "",
        max_s: float = 0,
        silence_s: float = 0,
        part_of: int = 0,
    ) -> int:
        """Start a recording; stereo for conversations, mono for messages."""
        call, context, now = self.call, self._context, self._context.clock()
        number, of_call = context.ids(), kind == "call"
        path = recording_path(kind, call.id, number, now)
        recording = OpenRecording(
            id=number, path=path, kind=kind, started=now, mailbox=mailbox, part_of=part_of
        )
        await context.media.record(
            number,
            port,
            path,
            stereo=of_call,
            max_s=max_s,
            silence_s=silence_s,
            chain=of_call,
            tone_s=self._tone_s() if of_call else 0.0,
        )
        call.recording = recording
        if kind == "message":
            context.records.open_segment(call, "message", now)
        context.records.recording(call, recording)
        context.keep(call)
        return recording.id

    def _tone_s(self) -> float:
        """How often both sides are told that they are recorded."""
        visit = self.call.visit
        queue = self._context.queue_by_key(visit.queue) if visit is not None else None
        return 0.0 if queue is None else queue.record_tone_s

    def message_recorded(self, recorded: RecordFinished) -> None:
        """A message is on disk."""
        call = self.call
        recording, call.recording = call.recording, None
        self._context.records.close_segment(call, "message", self._context.clock())
        if recording is not None:
            self._message_left(recording, recorded.duration_ms)

    def message_cut(self, now: float) -> None:
        """The call ends while the caller speaks: what he said so far is his message."""
        recording = self.call.recording
        if recording is not None and recording.kind == "message":
            self._message_left(recording, round((now - recording.started) * 1000))

    def _message_left(self, recording: OpenRecording, duration_ms: int) -> None:
        if duration_ms >= MIN_MESSAGE_MS:
            self.call.message_left = True
            if recording.mailbox:
                self._context.message_lamp(recording.mailbox, on=True)
