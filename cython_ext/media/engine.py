"""The media engine: RTP and device ports, bridges, players, recorders, taps, digits.

Numbers name everything; the caller chooses them. Nothing here waits: commands go to the
engine thread, and what happens comes back from ``poll``.
"""

import os
from typing import Final

from cython_ext.media import _media, streams
from cython_ext.media._media import MOST_RESTING, NO_FD, Core, Handle, OpenPort, Ports
from cython_ext.media.bridging import Bridging
from cython_ext.media.clips import EngineError, accepted
from cython_ext.media.held import open_recording
from cython_ext.media.listening import Listening
from cython_ext.media.playing import Playing
from cython_ext.media.reported import CallerPieces, Event, event_of
from cython_ext.media.securing import Securing

_LAWS: Final = {"A": _media.ALAW, "U": _media.ULAW, "s16": _media.S16}
MOST_TONE_S: Final = 3600.0  # between consent tones
NO_PORT: Final = 0
_KEYS: Final = b"0123456789*#ABCD,"


class Engine(Bridging, Listening, Playing, Securing):
    """One engine thread; every method returns at once and belongs to one Python thread."""

    def __init__(
        self, *, realtime: bool = True, rtp_silence_s: int = 20, resting_ports: int = MOST_RESTING
    ) -> None:
        """``resting_ports``: the most closed RTP ports whose sockets are kept for other calls."""
        self._core = Core(realtime=realtime, rtp_silence_s=rtp_silence_s)
        super().__init__()
        self._table = Ports(self._core, resting_ports)
        self._ports = self._table.open
        self._recordings: dict[int, tuple[Handle, int, str]] = {}
        self._callers = CallerPieces()

    @property
    def scheduling(self) -> str:
        """What the thread got: fifo, nice or normal, with the reason."""
        return self._core.scheduling

    @property
    def load(self) -> float:
        """Share of its time that the engine thread computes, over the last second."""
        return self._core.load

    def start(self) -> None:
        """Start the engine thread and the file thread."""
        self._core.start()

    def stop(self) -> list[Event]:
        """End the threads and every port, complete recordings; what happened last."""
        self._core.stop()
        last = self.poll()
        self._table.stopped()
        self._players.clear()
        self._recordings.clear()
        self._core.release()
        return last

    def fileno(self) -> int:
        """An eventfd that is readable when ``poll`` has something."""
        return self._core.fileno()

    def poll(self) -> list[Event]:
        """Events since the last call, oldest first.

        ("digit", port, key, duration_ms, source), ("play", player, port, reason),
        ("record", recording, port, path, duration_ms, chain, paused_ms, gap_ms, reason),
        ("speech", port), ("fax", port, kind), ("speaker", bridge, port, speaks),
        ("silent", port, seconds), ("device", port, kind, value),
        ("transport", port, what, detail, number), see ``Securing``
        ("stream", port, counters) when a port that carried something has been closed
        """
        # First what is retired: its events were reported before, so they are seen below.
        retired = self._core.retired()
        found = []
        for event in self._core.events():
            told = (
                self._callers.event(*event)
                or self._transport_event(*event)
                or event_of(*event, self._recordings)
            )
            found += [told] if len(told) > 1 else []
        for handle in retired:
            found += self._forget(handle)
        return found

    def _forget(self, handle: Handle) -> list[Event]:
        if isinstance(handle, OpenPort):
            counted = self._table.closed(handle)
            if counted is not None:
                return [("stream", handle.id, counted)]
        elif handle.kind == _media.PLAYER:
            del self._players[handle.id]
        elif handle.kind == _media.RECORDER:
            del self._recordings[handle.id]
        return []

    def _push(
        self,
        op: int,
        subject: Handle | None = None,
        target: Handle | None = None,
        third: Handle | None = None,
        *,
        flag: int = 0,
        gain: float = 0.0,
    ) -> None:
        if not self._core.push(op, subject, target, third, flag, gain):
            accepted(False)

    def _port(self, port: int) -> OpenPort:
        return self._table.port(port)

    def open_rtp(self, port: int, host: str, rtp_port: int = 0) -> int:
        """Bind a socket and return its port; OSError when that cannot be."""
        self._table.check_room_for(port, self._table.granted.holds(host, rtp_port))
        fd, reports = self._table.take(host, rtp_port)
        if fd == NO_FD:
            fd, rtp_port = _media.bind_rtp(host, rtp_port)
        try:
            opened = _media.new_rtp(port, fd, host, rtp_port, reports)
            self._push(_media.ADD_PORT, opened)
        except (EngineError, MemoryError):  # its own socket goes with the handle
            streams.give_up(reports)
            raise
        self._ports[port] = opened
        return rtp_port

    def open_stream(
        self,
        port: int,
        local: str,
        host: str,
        rtp_port: int,
        *,
        payload_type: int,
        law: str,
        dtmf_payload_type: int,
        ptime_ms: int,
        send: bool,
        receive: bool,
        rtcp_mux: bool,
        granted: int = 0,
    ) -> int:
        """``open_rtp`` and ``connect_rtp`` of a plain stream in one step, on sockets that rest.

        Those of the UDP port that is ``granted``, or any. 0 where that cannot be, and nothing was
        done but that what was granted rests: the two do it then, or say why not.
        """
        if law not in streams.UNCODED:
            return 0
        samples, coded = streams.packet_samples(ptime_ms), streams.LAWS[law]
        return self._table.open_stream(
            port, local, host, rtp_port, coded, payload_type, dtmf_payload_type, samples, send,
            receive, rtcp_mux, granted,
        )  # fmt: skip

    def rested_rtp(self, host: str) -> int:
        """A port for ``open_rtp`` whose sockets have rested since another call; 0 without."""
        return self._table.resting.rested(host)

    def grant_rtp(self, host: str, rtp_port: int = 0) -> int:
        """Keep the sockets of a port for one who will open it; OSError when that cannot be.

        Whoever opens exactly this port has it, and room for it, until it is given back.
        """
        self._table.check_room_for(NO_PORT)
        fd, reports = self._table.take(host, rtp_port)
        if fd == NO_FD:
            fd, rtp_port = _media.bind_rtp(host, rtp_port)
        try:
            # A stream that begins on both at once needs nothing more that could be refused.
            reports = _media.bind_rtp(host, rtp_port + 1)[0] if reports == NO_FD else reports
        except OSError:
            streams.give_up(fd)
            raise
        self._table.granted.put((host, rtp_port), fd, reports)
        return rtp_port

    def granted_rtp(self) -> list[tuple[str, int]]:
        """Ports that are granted and not opened, oldest first."""
        return self._table.granted.kept()

    def give_back_rtp(self, host: str, rtp_port: int) -> None:
        """Nobody will open a port that was granted; nothing happens when somebody has."""
        self._table.give_back(host, rtp_port)

    def granted_quiet(self, host: str, rtp_port: int) -> bool:
        """Whether nothing has come lately to a port that is granted."""
        return self._table.granted.quiet(host, rtp_port)

    def connect_rtp(
        self,
        port: int,
        host: str,
        rtp_port: int,
        *,
        payload_type: int,
        law: str,
        dtmf_payload_type: int = -1,
        ptime_ms: int = 20,
        send: bool = True,
        receive: bool = True,
        rtcp_mux: bool = False,
        srtp: streams.Srtp | None = None,
        transcode: bool = False,
    ) -> None:
        """Start or change the stream; without a host it is learnt from the first packet.

        ``law`` is A, U, G722, L16, or OPUS, which is passed on and, unless ``transcode`` was ever
        asked for, never heard; ``dtmf_payload_type`` -1 means that keys are tones. A packet time
        that is not 10 to 60 ms in steps of 10 becomes 20. Keys that stay the same go on.
        """
        found = self._port(port)
        if not found.is_rtp or law not in streams.LAWS:
            raise EngineError("bad-argument", f"port {port} cannot carry RTP with law {law!r}")
        rtcp_mux = self._muxed(port, rtcp_mux=rtcp_mux, keys=srtp is not None)
        coder = streams.coder(found, law, transcode=transcode)
        new_keys = srtp != found.srtp
        keys = streams.keyring(port, srtp) if new_keys else None
        reports = streams.reports_socket(found, rtcp_mux=rtcp_mux)
        samples = streams.packet_samples(ptime_ms)
        gathers = not found.gathers and (samples != streams.FRAME or coder == _media.OPUS)
        done = False
        try:
            done = self._core.connect(
                found,
                host,
                rtp_port,
                law=streams.LAWS[law],
                payload_type=payload_type,
                key_payload_type=dtmf_payload_type,
                packet_samples=samples,
                send=send,
                receive=receive,
                rtcp_mux=rtcp_mux,
                rtcp_fd=reports,
                new_keys=new_keys,
                keyring=keys,
                coder=coder,
                gathers=gathers,
            )
        except ValueError as error:
            raise EngineError("bad-argument", str(error)) from error
        finally:
            if not done and reports != NO_FD:
                found.spare = reports
        accepted(done)
        found.gathers = found.gathers or gathers
        found.g722 = found.g722 or law == "G722"
        found.opus = found.opus or coder == _media.OPUS
        if found.transport is None:
            found.remote = (host, rtp_port)
        found.srtp = srtp
        found.reports = found.reports or reports != NO_FD

    def open_device(self, port: int, fd: int, law: str, *, digits: str = "inband") -> None:
        """Move 20 ms chunks through a descriptor (it is duplicated); law A, U or s16.

        ``digits`` is inband, or device when the hardware reports keys.
        """
        self._table.check_room_for(port)
        if law not in _LAWS or digits not in ("inband", "device"):
            raise EngineError("bad-argument", f"a device has no law {law!r}, digits {digits!r}")
        own = os.dup(fd)
        os.set_blocking(own, False)
        source = _media.INBAND if digits == "inband" else _media.HARDWARE
        opened = _media.new_device(port, own, _LAWS[law], source)
        self._push(_media.ADD_PORT, opened)
        self._ports[port] = opened

    def close(self, port: int) -> None:
        """Give a port back with all that is attached; nothing happens without it."""
        self._table.close(port)

    def has_port(self, port: int) -> bool:
        """Whether the port is open."""
        return port in self._ports

    def send_digits(self, port: int, digits: str) -> None:
        """Send keys; a comma is a pause of half a second."""
        handle = self._port(port)
        raw = digits.upper().encode("ascii", "replace")
        if raw.strip(_KEYS):
            raise EngineError("bad-argument", f"{digits!r} holds something that is no key")
        for at in range(0, len(raw), 31):
            accepted(self._core.keys(handle, raw[at : at + 31]))

    def record(
        self,
        recording: int,
        port: int,
        path: str,
        *,
        stereo: bool,
        max_s: float = 0.0,
        silence_s: float = 0.0,
        law: str = "s16",
        chain: bool = False,
        tone_s: float = 0.0,
    ) -> None:
        """Record into a new WAV file; FileExistsError and other OSError.

        ``law`` is s16, A or U. With ``chain`` the links are written beside it, one a second.
        Every ``tone_s`` the port and its bridge hear a beep, but not while it is paused.
        """
        handle = self._port(port)
        if recording in self._recordings:
            raise EngineError("recording-exists", f"recording {recording} already runs")
        running = sum(owner == port for _, owner, _ in self._recordings.values())
        if running >= _media.PORT_RECORDERS:
            raise EngineError("busy", f"port {port} has {running} recordings already")
        if law not in _LAWS:
            raise EngineError("bad-argument", f"nothing is recorded as {law!r}")
        if not 0 <= tone_s <= MOST_TONE_S:
            raise EngineError("bad-argument", f"no consent tone comes every {tone_s} s")
        fd, links = open_recording(path, chain=chain)
        recorder = _media.new_recorder(
            recording,
            fd,
            links,
            law=_LAWS[law],
            stereo=stereo,
            max_s=max_s,
            silence_s=silence_s,
            tone_s=max(tone_s, 1.0) if tone_s else 0.0,
        )
        accepted(self._core.record(handle, recorder))
        self._recordings[recording] = (recorder, port, path)

    def pause_record(self, recording: int, *, on: bool) -> None:
        """Record silence for a while, counted; nothing happens when it has ended."""
        if recording in self._recordings:
            handle = self._recordings[recording][0]
            self._push(_media.PAUSE_RECORD, None, handle, flag=on)

    def stop_record(self, recording: int) -> None:
        """Finish a recording; nothing happens when it has ended."""
        if recording in self._recordings:
            self._push(_media.STOP_RECORD, None, self._recordings[recording][0])

    def ports(self) -> list[tuple[int, str, str, int, str, int]]:
        """Port, kind, our host, our RTP port, remote host, remote RTP port."""
        return [
            (port, "rtp" if found.is_rtp else "device", *found.local, *found.remote)
            for port, found in self._ports.items()
        ]

    def recordings(self) -> list[tuple[int, int, str]]:
        """Recordings that have not ended, with port and path."""
        return [(number, port, path) for number, (_, port, path) in self._recordings.items()]

    def port_counters(self, port: int) -> dict[str, float]:
        """Packets, losses and delays of a port."""
        figures = self._core.port_counters(self._port(port))
        return {**figures, **self._transport_figures(port)}

    def heard_by(self, port: int) -> dict[str, float]:
        """Counters of the one whom a port hears in a bridge of two; none where it is alone."""
        found = self._ports.get(port)
        room = self._table.rooms.get(found.bridge) if found and found.bridge is not None else None
        others = [each for each in room.ports if each != port] if room else []
        return self.port_counters(others[0]) if len(others) == 1 else {}

    def counters(self) -> dict[str, float]:
        """Counts, late ticks, and microseconds per phase."""
        kept = {**self._clips.counters(), "resting_ports": len(self._table.resting)}
        return {**self._core.counters(), **{name: float(of) for name, of in kept.items()}}

    def lateness(self) -> list[int]:
        """Ticks by how late they began, in steps of 0.25 ms; the last holds all beyond."""
        return self._core.lateness()
