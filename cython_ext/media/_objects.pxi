# Objects of the C engine as Python holds them, and what makes them; a part of _media.pyx.


cdef class Handle:
    """An object of the engine; dropping one that was never handed over frees it."""

    cdef hf_object *pointer
    cdef bint handed
    cdef object parts  # memory that the object points into

    def __dealloc__(self):
        if not self.handed:
            hf_object_free(self.pointer)

    @property
    def kind(self):
        """PORT, PLAYER, ROOM, RECORDER, TAP or KEYRING."""
        return self.pointer.kind

    @property
    def id(self):
        """The number it was made with."""
        return self.pointer.id


cdef Handle handle_of(void *pointer, object parts=None):
    cdef Handle handle
    if pointer == NULL:
        raise MemoryError
    handle = Handle()
    handle.pointer = <hf_object *>pointer
    handle.parts = parts
    return handle


@cython.final
cdef class OpenPort(Handle):
    """An open port as its owner knows it; numbers and addresses lie in it, there are many."""

    cdef str host
    cdef int rtp_port
    cdef hf_endpoint far
    cdef Room room
    cdef OpenPort beside  # who came into the room after it
    cdef public object srtp, transport
    cdef dict copied
    cdef bint closing
    cdef public bint reports, g722, opus, gathers
    cdef public int spare

    @property
    def is_rtp(self):
        """Whether it has sockets, and is no device."""
        return (<hf_port *>self.pointer).kind == HF_RTP

    @property
    def local(self):
        """Our address."""
        return (self.host, self.rtp_port)

    @property
    def remote(self):
        """The peer's address; an empty host where it is learnt."""
        if self.far.family == 0:
            return ("", <int>ntohs(self.far.four.sin_port))
        return host_and_port(&self.far)

    @remote.setter
    def remote(self, tuple address):
        cdef socklen_t length
        host, port = address
        if not host or hf_address((<str>host).encode(), port, &self.far, &length) < 0:
            memset(&self.far, 0, sizeof(self.far))
            self.far.four.sin_port = htons(port)

    @property
    def bridge(self):
        """The bridge it is in, or None."""
        return None if self.room is None else self.room.pointer.id

    @property
    def taps(self):
        """memfd, eventfd and capacity by what they copy; most ports never have one."""
        if self.copied is None:
            self.copied = {}
        return self.copied


cdef OpenPort port_of(hf_port *port, str host, int rtp_port, int spare):
    cdef OpenPort found
    if port == NULL:
        raise MemoryError
    found = OpenPort()
    found.pointer = &port.head
    found.host, found.rtp_port, found.spare = host, rtp_port, spare
    return found


@cython.final
cdef class Room(Handle):
    """A bridge and its ports."""

    cdef OpenPort first

    @property
    def ports(self):
        """Numbers of the ports, in the order in which they came."""
        cdef OpenPort each = self.first
        found = []
        while each is not None:
            found.append(each.pointer.id)
            each = each.beside
        return found

    cdef enter(self, OpenPort port):
        cdef OpenPort last = self.first
        if last is None:
            self.first = port
        else:
            while last.beside is not None:
                last = last.beside
            last.beside = port
        port.room = self

    cdef leave(self, OpenPort port):
        cdef OpenPort before = self.first
        if before is port:
            self.first = port.beside
        else:
            while before.beside is not port:
                before = before.beside
            before.beside = port.beside
        port.room = port.beside = None

    cdef int count(self):
        cdef OpenPort each = self.first
        cdef int found = 0
        while each is not None:
            found += 1
            each = each.beside
        return found


cdef Room new_room(uint64_t number, int capacity):
    cdef hf_room *room = hf_room_new(number, capacity)
    cdef Room made
    if room == NULL:
        raise MemoryError
    made = Room()
    made.pointer = &room.head
    return made


cdef hf_extra *new_extra() except NULL:
    """Room for packets that are no frames."""
    cdef hf_extra *made = hf_extra_new()
    if made == NULL:
        raise MemoryError
    return made


def bind_rtp(str host, int port):
    """A UDP socket for RTP, and its port; OSError when it cannot be bound."""
    cdef int bound = 0
    cdef int fd = hf_rtp_bind(host.encode(), port, &bound)
    if fd < 0:
        raise OSError(-fd, f"RTP at {host} port {port}: {os.strerror(-fd)}")
    return fd, bound


def new_rtp(uint64_t number, int fd, str host, int rtp_port, int spare):
    """A port on a UDP socket, which becomes the port's own; it is closed by MemoryError."""
    cdef hf_port *port = hf_port_new(number, <hf_port_kind>HF_RTP, fd)
    if port == NULL:
        os.close(fd)
    return port_of(port, host, rtp_port, spare)


def open_reports(Handle handle):
    """A socket for RTCP on the port beside an RTP port's; OSError when it is taken."""
    cdef int fd = hf_reports_open(<hf_port *>handle.pointer)
    if fd < 0:
        raise OSError(-fd, f"RTCP: {os.strerror(-fd)}")
    return fd


def new_keyring(uint64_t number, int suite, bytes inward, bytes outward):
    """SRTP keys for both directions; ValueError for keys of another length."""
    cdef int length = hf_srtp_key_length(<hf_suite>suite)
    if not len(inward) == len(outward) == length:
        raise ValueError(f"key and salt have {length} octets together")
    return handle_of(hf_keyring_new(number, <hf_suite>suite, inward, outward))


def new_device(uint64_t number, int fd, int law, int key_source):
    """A port on a descriptor, which becomes the port's own."""
    cdef hf_port *port = hf_port_new(number, <hf_port_kind>HF_DEVICE, fd)
    handle = port_of(port, "", 0, -1)
    port.law, port.key_source = law, <hf_key_source>key_source
    return handle


def new_player(uint64_t number, list clips, *, uint32_t repeat, float gain, bint stop_on_key,
               float speed=1, uint32_t start_ms=0, bint in_step=False):
    """A player of buffers of 16-bit samples."""
    cdef hf_player *player = hf_player_new(number, len(clips), False)
    handle = handle_of(player, list(clips))
    put_clips(player, clips)
    player.repeat, player.gain, player.stop_on_key = repeat, gain, stop_on_key
    player.speed, player.in_step = speed, in_step
    if start_ms:
        hf_player_seek(player, <int64_t>start_ms * 8)
    return handle


def new_tones(uint64_t number, list steps, *, uint32_t repeat, float peak, bint stop_on_key):
    """A player of steps (hz, hz, samples on, samples off)."""
    cdef hf_player *player = hf_player_new(number, len(steps), True)
    handle = handle_of(player)
    put_tones(player, steps)
    player.repeat, player.gain, player.stop_on_key = repeat, peak, stop_on_key
    return handle


def load_opus():
    """Whether Opus can be coded here: loads libopus at the first time."""
    return hf_opus_load() == 0


def new_recorder(uint64_t number, int fd, int chain_fd, *, int law, bint stereo, double max_s,
                 double silence_s, double tone_s):
    """A recorder into a descriptor, and one for its chain; both become its own."""
    cdef hf_recorder *recorder = hf_recorder_new(number, fd, stereo, max_s, silence_s)
    handle = handle_of(recorder)
    recorder.law, recorder.chain_fd, recorder.tone_every = law, chain_fd, round(tone_s * 50)
    return handle


def recorded(Handle handle):
    """Last link of a recording's chain, ms that were paused, ms that found no room."""
    cdef hf_recorder *recorder = <hf_recorder *>handle.pointer
    return ((<uint8_t *>recorder.chain.link)[:32].hex(), recorder.paused_frames * 20,
            recorder.gap // recorder.channels // 8)


def new_caller_id(uint64_t number):
    """A receiver of caller identity."""
    return handle_of(hf_caller_id_new(number))


def caller_id_samples(bytes message, int kind, float amplitude):
    """A caller-identity message as 16-bit samples; kind 0 Bell 202, 1 V.23."""
    cdef bytearray out = bytearray(2 * hf_fsk_length(<int>len(message)))
    hf_fsk_send(<hf_fsk_kind>kind, <const uint8_t *><const char *>message, <int>len(message),
                amplitude, <int16_t *><char *>out)
    return bytes(out)


def new_tap(uint64_t number, int tapped=HF_OF_SAMPLES):
    """A tap of samples or packets, its memfd and eventfd; the descriptors stay the tap's."""
    cdef hf_tap_rate rate = HF_TAP_WIDE if tapped == HF_OF_WIDE_SAMPLES else HF_TAP_NARROW
    cdef hf_tap *tap = (hf_copies_new(number) if tapped == HF_OF_PACKETS
                        else hf_tap_new(number, rate))
    if tap == NULL:
        raise OSError("no shared memory for a tap")
    return handle_of(tap), tap.memfd, tap.eventfd
