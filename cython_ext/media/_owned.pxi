# Open ports, bridges and resting sockets as the owner of an engine keeps them; a part of
# _media.pyx. Every call goes through here at least six times.

NO_FD = -1
MOST_RESTING = 128  # pairs of sockets kept
LEAST_RESTING = 32  # ports that are closed before one is used again
MOST_GRANTED = 32  # ports that are promised to one who has not opened them yet

cdef int least_resting = LEAST_RESTING
cdef int most_granted = MOST_GRANTED


@cython.final
cdef class Resting:
    """Sockets that rest between two RTP ports, the pair that rests longest first.

    Binding new ones costs more than a port itself.
    """

    cdef dict _pairs  # by host and port: the sockets for RTP and, or -1, for RTCP
    cdef int _most, _emptied

    def __init__(self, int most=MOST_RESTING):
        self._pairs = {}
        self._most, self._emptied = most, -1

    def __dealloc__(self):
        if self._pairs is not None:
            self.close()

    def __len__(self):
        return len(self._pairs)

    def holds(self, str host, int port):
        """Whether the sockets of this port are here."""
        return (host, port) in self._pairs

    def kept(self):
        """Host and port of all, the one that is here longest first."""
        return list(self._pairs)

    def quiet(self, str host, int port):
        """Whether nothing has come lately to a port that is here."""
        cdef tuple pair = self._pairs[host, port]
        return hf_socket_quiet(pair[0]) != 0

    cpdef put(self, tuple local, int rtp, int rtcp):
        """Keep the sockets of a port that was closed."""
        self._pairs[local] = (rtp, rtcp)
        if len(self._pairs) > self._most:
            close_all(self._pairs.pop(next(iter(self._pairs))))

    cpdef int rested(self, str host):
        """A port that may be used again; 0 when none has rested long enough.

        One to which somebody still sends is given back to the system: his packets must not
        be heard in another call.
        """
        cdef tuple local, pair
        while len(self._pairs) > least_resting:
            local = next(iter(self._pairs))
            pair = self._pairs[local]
            if local[0] == host and hf_socket_quiet(pair[0]):
                self._emptied = pair[0]
                return local[1]
            close_all(self._pairs.pop(local))
        return 0

    cpdef tuple take(self, str host, int port):
        """The sockets of exactly this port, emptied; -1 for those that do not rest here."""
        cdef tuple found = self._pairs.pop((host, port), NO_SOCKETS)
        for fd in found:
            if fd != -1 and fd != self._emptied:
                hf_socket_quiet(fd)
        self._emptied = -1
        return found

    cpdef close(self):
        """Give all back to the system."""
        while self._pairs:
            close_all(self._pairs.popitem()[1])


cdef tuple NO_SOCKETS = (-1, -1)


cdef close_all(tuple sockets):
    for fd in sockets:
        if fd != -1:
            os.close(fd)


@cython.final
cdef class Ports:
    """The ports that are open, the bridges they are in, and the sockets that rest."""

    cdef readonly dict open, rooms
    cdef readonly Resting resting, granted
    cdef int _closing  # ports that the engine has not given back yet
    cdef Core _core

    def __init__(self, Core core, int most_resting):
        self._core = core
        self.open, self.rooms = {}, {}
        self.resting = Resting(most_resting)
        self.granted = Resting(MOST_GRANTED)

    cpdef OpenPort port(self, number):
        """An open port; EngineError ``unknown-port``."""
        found = self.open.get(number)
        if found is None:
            raise EngineError("unknown-port", f"no audio port {number} is open")
        return found

    cpdef check_room_for(self, number, bint granted=False):
        """EngineError where a port cannot be opened; those that are granted have their room."""
        cdef Py_ssize_t kept = 0 if granted else len(self.granted)
        if not self._core.engine.started:
            raise EngineError("stopped", "the media engine does not run")
        if number in self.open:
            raise EngineError("port-exists", f"audio port {number} is already open")
        if len(self.open) + self._closing + kept >= HF_PHASES * HF_PHASE_PORTS:
            raise EngineError("full", f"all {MAX_PORTS} audio ports are in use")

    cpdef tuple take(self, str host, int port):
        """The sockets of exactly this port, emptied; -1 for those that are not kept here."""
        cdef tuple found = self.granted.take(host, port)
        return self.resting.take(host, port) if found is NO_SOCKETS else found

    cpdef give_back(self, str host, int port):
        """A port was granted and nobody opened it: its sockets rest. Nothing without it."""
        cdef tuple found = self.granted.take(host, port)
        if found is not NO_SOCKETS:
            self.resting.put((host, port), found[0], found[1])

    cdef _need(self, uint32_t commands):
        """EngineError unless so many can be sent: what takes several is done whole or not at all."""
        if not self._core.has_room(commands):
            raise EngineError("busy", "the media engine has too many commands waiting")

    cdef _push(self, int op, Handle subject, Handle target, Handle third=None, int flag=0):
        if not self._core.push(op, subject, target, third, flag):
            raise EngineError("busy", "the media engine has too many commands waiting")

    def open_stream(self, number, str local, str host, int rtp_port, int law, int payload_type,
                    int key_payload_type, int packet_samples, bint send, bint receive,
                    bint rtcp_mux, int granted=0):
        """Open a port on sockets that rest and start its plain stream, in one step.

        Those of the UDP port ``granted``, or with 0 any. Its UDP port; 0, and nothing was done
        but that the sockets rest, where that cannot be.
        """
        cdef OpenPort found = None
        cdef int fd, reports, bound
        self.check_room_for(number, granted != 0)
        bound = granted or self.resting.rested(local)
        if not bound:
            return 0
        fd, reports = self.take(local, bound)
        if fd == NO_FD:
            return 0
        try:
            if rtcp_mux == (reports == -1):
                found = self._core.open_stream(
                    number, local, bound, fd, reports, host, rtp_port, law, payload_type, key_payload_type,
                    packet_samples, send, receive, rtcp_mux)
        except ValueError:  # no address
            return 0
        finally:
            if found is None:
                self.resting.put((local, bound), fd, reports)
        if found is None:
            return 0
        self.open[number] = found
        return bound

    def join(self, bridge, number, int part, agent):
        """Put a port into a bridge, made when new; it leaves the one it was in."""
        cdef OpenPort found = self.port(number)
        cdef OpenPort heard = None if agent is None else self.port(agent)
        cdef Room room = self.rooms.get(bridge)
        cdef int capacity
        self._need(3)  # with a larger room, and the end of the one before
        if room is None:
            room = new_room(bridge, HF_MEMBERS)
        elif found.room is not room:
            capacity = (<hf_room *>room.pointer).capacity
            if room.count() >= capacity:
                room = self._grown(bridge, room, capacity)
        self._push(HF_JOIN, found, room, heard, part)
        self.rooms[bridge] = room
        if found.room is not room:
            self._out_of_room(found)
            room.enter(found)

    cdef Room _grown(self, bridge, Room room, int capacity):
        cdef Room larger
        cdef OpenPort each
        if capacity >= HF_MOST_MEMBERS:
            raise EngineError("bridge-full", f"bridge {bridge} has {MOST_MEMBERS} ports")
        larger = new_room(bridge, min(4 * capacity, HF_MOST_MEMBERS))
        self._push(HF_GROW, larger, room)
        larger.first, room.first = room.first, None
        each = larger.first
        while each is not None:
            each.room = larger
            each = each.beside
        self.rooms[bridge] = larger
        return larger

    def leave(self, number):
        """Take a port out of its bridge."""
        cdef OpenPort found = self.port(number)
        self._need(2)  # with the end of its bridge
        self._push(HF_LEAVE, found, None)
        self._out_of_room(found)

    cdef _out_of_room(self, OpenPort found):
        """A bridge that its last port has left ends by itself."""
        cdef Room room = found.room
        if room is None:
            return
        room.leave(found)
        if room.first is None:
            self._push(HF_END_ROOM, None, room)
            del self.rooms[room.pointer.id]

    def close(self, number):
        """Give a port back with all that is attached; nothing happens without it."""
        cdef OpenPort found = self.open.get(number)
        if found is None:
            return
        self._need(2)  # with the end of its bridge
        self._push(HF_CLOSE_PORT, found, None)
        self._out_of_room(found)
        found.closing = True
        self._closing += 1
        del self.open[number]

    def closed(self, OpenPort found):
        """The engine's thread has given a port back; what it counted if it carried anything.

        Its sockets rest, unless the handshake thread may still use them.
        """
        cdef hf_port *port = <hf_port *>found.pointer
        self._closing -= found.closing
        if found.closing and port.kind == HF_RTP:
            if found.transport is None:
                self.resting.put(found.local, port.fd,
                                 found.spare if port.rtcp_fd == -1 else port.rtcp_fd)
                port.fd = port.rtcp_fd = -1
            elif found.spare != -1:
                os.close(found.spare)
        if port.counts.packets_in or port.counts.packets_out:
            return port_figures(port)
        return None

    def stopped(self):
        """Forget every port and bridge, and give the resting sockets back."""
        cdef OpenPort found
        for found in self.open.values():
            if found.spare != -1:
                os.close(found.spare)
            if found.room is not None:
                found.room.leave(found)
        self.open.clear()
        self.rooms.clear()
        self.resting.close()
        self.granted.close()
