"""The C engine behind Python: makes objects, hands them to the engine thread, frees them.

An object belongs to the engine from the command that carries it until it is retired. Its
memory is freed when the engine has also read every command that could still name it.
``cython_ext/media/engine.py`` knows what the objects are for.
"""

import os
from collections import deque

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from cython_ext.media._engine cimport *
from cython_ext.media._figures cimport engine_figures, port_figures
from cython_ext.media._given cimport put_clips, put_coder, put_tones
from cython_ext.media._transport cimport *

from cython_ext.media.clips import EngineError

MEMBERS, MOST_MEMBERS = HF_MEMBERS, HF_MOST_MEMBERS
MAX_PORTS = HF_PHASES * HF_PHASE_PORTS
PORT_RECORDERS, TAP_SAMPLES = HF_PORT_RECORDERS, HF_TAP_SAMPLES

PORT, PLAYER, ROOM, RECORDER, TAP = HF_PORT, HF_PLAYER, HF_ROOM, HF_RECORDER, HF_TAP
KEYRING, AES_CM_80, AES_CM_32, AES_GCM_128 = (
    HF_KEYRING, HF_AES_CM_80, HF_AES_CM_32, HF_AES_GCM_128)
ALAW, ULAW, S16, L16, G722, OPUS = HF_ALAW, HF_ULAW, HF_S16, HF_L16, HF_G722, HF_OPUS
INBAND, HARDWARE = HF_INBAND, HF_HARDWARE
ON_KEY, ON_PLAY, ON_RECORD = HF_ON_KEY, HF_ON_PLAY, HF_ON_RECORD
ON_SPEECH, ON_SILENCE, ON_DEVICE = HF_ON_SPEECH, HF_ON_SILENCE, HF_ON_DEVICE
ON_CALLER, HEAR_CALLER = HF_ON_CALLER, HF_HEAR_CALLER

ADD_PORT, CLOSE_PORT, PLAY, STOP_PLAY = HF_ADD_PORT, HF_CLOSE_PORT, HF_PLAY, HF_STOP_PLAY
JOIN, LEAVE, GAIN, END_ROOM = HF_JOIN, HF_LEAVE, HF_GAIN, HF_END_ROOM
RECORD, STOP_RECORD, PAUSE_RECORD = HF_RECORD, HF_STOP_RECORD, HF_PAUSE_RECORD
OPEN_TAP, CLOSE_TAP, ARM, GROW = HF_OPEN_TAP, HF_CLOSE_TAP, HF_ARM, HF_GROW
SECURE, ON_TRANSPORT, ATTEND, ON_SPEAKER = HF_SECURE, HF_ON_TRANSPORT, HF_ATTEND, HF_ON_SPEAKER
STEER, SEEK_TO, SEEK_BY, SPEED, REPEAT = HF_STEER, HF_SEEK_TO, HF_SEEK_BY, HF_SPEED, HF_REPEAT
OF_SAMPLES, OF_PACKETS, OF_WIDE_SAMPLES = HF_OF_SAMPLES, HF_OF_PACKETS, HF_OF_WIDE_SAMPLES

_CARRIES_SUBJECT = frozenset({ADD_PORT, GROW})
_CARRIES_OBJECT = frozenset({PLAY, JOIN, RECORD, OPEN_TAP, HEAR_CALLER, SECURE})


include "_objects.pxi"


cdef hand_over(Handle handle):
    """The engine has an object until it is retired, and with it what the owner knows of it."""
    handle.handed = True
    if handle.pointer.owned == NULL:  # a room is handed over with each that joins
        Py_INCREF(handle)
        handle.pointer.owned = <void *>handle


cdef Handle taken_back(hf_object *pointer):
    cdef Handle handle
    if pointer.owned == NULL:  # paths and the keys of DTLS are made by the engine's own threads
        handle = handle_of(pointer)
    else:
        handle = <Handle>pointer.owned
        pointer.owned = NULL
        Py_DECREF(handle)
    handle.handed = True
    return handle


@cython.final
cdef class Core:
    """One engine thread and one file thread; for one Python thread."""

    cdef hf_engine *engine
    cdef object _retired

    def __cinit__(self, *, bint realtime, int rtp_silence_s):
        self._retired = deque()
        self.engine = hf_engine_new(realtime, rtp_silence_s)
        if self.engine == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.engine == NULL:
            return
        with nogil:
            hf_engine_stop(self.engine)
        self._free_everything()
        with nogil:
            hf_engine_free(self.engine)

    @property
    def scheduling(self):
        """What the thread got: fifo, nice or normal, with the reason."""
        return self.engine.scheduling.decode()

    @property
    def running(self):
        """Whether the threads run."""
        return bool(self.engine.started)

    @property
    def load(self):
        return self.engine.counts.load_ppm / 1e6

    def start(self):
        """Start the threads; OSError when the system refuses."""
        if self.engine.started:
            return
        error = hf_engine_start(self.engine)
        if error:
            raise OSError(error, os.strerror(error))

    def stop(self):
        """End the threads; every object is retired and its file complete."""
        with nogil:
            hf_engine_stop(self.engine)

    def release(self):
        """Free every object; only after ``stop``."""
        if not self.engine.started:
            self._free_everything()

    def fileno(self):
        """An eventfd that is readable when there are events or retired objects."""
        return self.engine.wake

    def events(self):
        """(kind, id, port, code, value, source) since the last call, oldest first."""
        cdef hf_event event
        found = []
        while (hf_event_pop(&self.engine.events, &event) or
               hf_event_pop(&self.engine.file_events, &event) or
               hf_event_pop(&self.engine.transport_events, &event)):
            found.append((event.kind, event.id, event.port, event.code, event.value,
                          event.source))
        return found

    def retired(self):
        """Handles that the engine is done with; the events about them can be read already."""
        cdef hf_object *object
        cdef hf_object *following
        found = []
        hf_look(self.engine)
        hf_extras_fill(self.engine)
        object = hf_retired_take(self.engine)
        while object != NULL:
            following = object.next_retired
            handle = taken_back(object)
            found.append(handle)
            self._retired.append((hf_commands_pushed(self.engine), handle))
            object = following
        self._free_retired()
        return found

    cdef _free_retired(self):
        cdef uint32_t pushed, read = hf_commands_read(self.engine)
        while self._retired:
            pushed = self._retired[0][0]
            if <int>(read - pushed) < 0:
                return
            (<Handle>self._retired.popleft()[1]).handed = False  # freed with its last reference

    cdef _free_everything(self):
        cdef hf_object *object = hf_retired_take(self.engine)
        cdef hf_object *following
        while object != NULL:
            following = object.next_retired
            taken_back(object).handed = False
            object = following
        while self._retired:
            (<Handle>self._retired.popleft()[1]).handed = False

    def push(self, int op, Handle subject=None, Handle target=None, Handle third=None,
             int flag=0, float gain=0):
        """Send a command; False when the engine has too many waiting."""
        cdef hf_command command
        memset(&command, 0, sizeof(command))
        command.op = <hf_op>op
        command.subject = NULL if subject is None else subject.pointer
        command.object = NULL if target is None else target.pointer
        command.third = NULL if third is None else third.pointer
        command.flag, command.gain = flag, gain
        if self._retired:
            self._free_retired()
        if not self.has_room(1) or hf_command_push(self.engine, &command) < 0:
            return False
        if op in _CARRIES_SUBJECT:
            hand_over(subject)
        elif op in _CARRIES_OBJECT and target is not None:
            hand_over(target)
        return True

    cdef bint has_room(self, uint32_t commands):
        """Whether others than ports that are granted may send so many: those were promised theirs.

        Nobody else sends, so what there is room for now can be sent.
        """
        cdef uint32_t waiting = hf_commands_pushed(self.engine) - hf_commands_read(self.engine)
        return waiting + commands <= <uint32_t>(HF_COMMANDS - 2 * most_granted)

    def record(self, Handle port, Handle recorder):
        """Let the file thread write a recorder and the engine fill it; False when busy."""
        if not self.push(RECORD, port, recorder):
            return False
        hf_files_add(self.engine, <hf_recorder *>recorder.pointer)
        return True

    cdef OpenPort open_stream(self, uint64_t number, str local, int bound, int fd, int rtcp_fd,
                              str host, int rtp_port, int law, int payload_type,
                              int key_payload_type, int packet_samples, bint send, bint receive,
                              bint rtcp_mux):
        """A port on a UDP socket with its plain stream: ``new_rtp`` and ``connect`` in one step.

        None when the engine has too many commands waiting, ValueError for a host that is no
        address; the descriptors stay the caller's then.
        """
        cdef OpenPort opened
        cdef hf_command command
        cdef hf_stream *stream = &command.stream
        cdef hf_port *port
        if hf_commands_pushed(self.engine) - hf_commands_read(self.engine) > HF_COMMANDS - 2:
            return None
        memset(&command, 0, sizeof(command))
        if host and hf_address(host.encode(), rtp_port, &stream.remote,
                               &stream.remote_length) < 0:
            raise ValueError(f"{host!r} is no IP address")
        if packet_samples != HF_FRAME:
            stream.extra = new_extra()
        port = hf_port_new(number, <hf_port_kind>HF_RTP, fd)
        if port == NULL:
            free(stream.extra)
        opened = port_of(port, local, bound, -1)
        opened.far, opened.reports = stream.remote, not rtcp_mux
        if not host:
            opened.far.four.sin_port = htons(rtp_port)
        opened.gathers = packet_samples != HF_FRAME
        command.op, command.subject = HF_ADD_PORT, port
        hf_command_push(self.engine, &command)
        hand_over(opened)
        command.op = HF_CONNECT
        stream.law, stream.payload_type, stream.key_payload_type = law, payload_type, key_payload_type
        stream.packet_samples, stream.send, stream.receive = packet_samples, send, receive
        stream.rtcp_mux, stream.rtcp_fd = rtcp_mux, rtcp_fd
        hf_command_push(self.engine, &command)
        return opened

    def connect(self, Handle port, str host, int rtp_port, *, int law, int payload_type,
                int key_payload_type, int packet_samples, bint send, bint receive,
                bint rtcp_mux, int rtcp_fd, bint new_keys, Handle keyring,
                int coder, bint gathers):
        """Set an RTP port's stream; ValueError for a host that is no address.

        The descriptor for RTCP becomes the port's own; with ``new_keys`` the keyring
        replaces the one before, None by plain RTP; ``coder`` is the law whose coder it needs, or
        -1; ``gathers``: it needs room for packets that are no frames.
        """
        cdef hf_command command
        memset(&command, 0, sizeof(command))
        command.op = HF_CONNECT
        command.subject = port.pointer
        if host and hf_address(host.encode(), rtp_port, &command.stream.remote,
                               &command.stream.remote_length) < 0:
            raise ValueError(f"{host!r} is no IP address")
        command.stream.law, command.stream.payload_type = law, payload_type
        command.stream.key_payload_type = key_payload_type
        command.stream.packet_samples = packet_samples
        command.stream.send, command.stream.receive = send, receive
        command.stream.rtcp_mux, command.stream.rtcp_fd = rtcp_mux, rtcp_fd
        command.flag = new_keys
        command.object = NULL if keyring is None else keyring.pointer
        put_coder(&command.stream.coders, coder)
        if gathers:
            command.stream.extra = new_extra()
        if not self.has_room(1) or hf_command_push(self.engine, &command) < 0:
            free(command.stream.extra)
            free(command.stream.coders.g722)
            free(command.stream.coders.opus)
            return False
        if keyring is not None:
            hand_over(keyring)
        return True

    def keys(self, Handle port, bytes keys):
        """Send at most 31 keys; False when the engine has too many commands waiting."""
        cdef hf_command command
        memset(&command, 0, sizeof(command))
        command.op = HF_KEYS
        command.subject = port.pointer
        memcpy(command.keys, <const char *>keys, min(<Py_ssize_t>len(keys), 31))
        return self.has_room(1) and hf_command_push(self.engine, &command) == 0

    def port_counters(self, Handle handle):
        """Packets, losses and delays of a port; what RTCP has not told yet is left out."""
        return port_figures(<hf_port *>handle.pointer)

    def counters(self):
        """Counts, late ticks, and microseconds per phase."""
        return engine_figures(self.engine)

    def lateness(self):
        return [self.engine.counts.late[step] for step in range(HF_LATE_STEPS)]

    def open_transport(self, Handle port, str ufrag, str password):
        """The port's new transport and our fingerprint; None when the engine is busy."""
        cdef hf_credentials own
        error = hf_handshakes_start(self.engine)
        if error:
            raise OSError(error, os.strerror(error))
        put_credentials(&own, ufrag, password)
        handle = handle_of(hf_transport_new(self.engine, <hf_port *>port.pointer,
                                            &own if ufrag else NULL))
        fingerprint = hf_handshakes_fingerprint(self.engine).decode()
        return (handle, fingerprint) if self.push(SECURE, port, handle) else None

    def restart_transport(self, Handle transport, str ufrag, str password):
        """Other ICE credentials (RFC 8445 9)."""
        cdef hf_credentials own
        put_credentials(&own, ufrag, password)
        if hf_transport_restart(<hf_transport *>transport.pointer, &own) < 0:
            raise MemoryError

    def describe_peer(self, Handle transport, str ufrag, list digests, str host, int port, *,
                      bint client):
        """Tell a transport who its peer is; ValueError for a host that is no address."""
        cdef hf_peer peer
        fill_peer(&peer, ufrag, digests, host, port, client)
        if hf_transport_describe(<hf_transport *>transport.pointer, &peer) < 0:
            raise MemoryError

    def transport_figures(self, Handle transport):
        """Counts of a transport and where its peer is: {}, host, port."""
        return figures_of_transport(<hf_transport *>transport.pointer)


include "_owned.pxi"
