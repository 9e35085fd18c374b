"""The floor below any media engine, and a witness of the machine's own lateness."""

import os

cimport cython
from libc.stdint cimport uint64_t


cdef extern from "floor.h":
    ctypedef struct hf_floor_socket:
        int fd, port
    ctypedef struct hf_floor:
        int count
        uint64_t received, sent
        hf_floor_socket *sockets
    ctypedef struct hf_witness:
        uint64_t worst_ns

    hf_floor *hf_floor_new(int count, int realtime)
    void hf_floor_aim(hf_floor *floor, int index, int port)
    int hf_floor_start(hf_floor *floor)
    void hf_floor_stop(hf_floor *floor) nogil
    void hf_floor_free(hf_floor *floor) nogil
    double hf_floor_cpu(const hf_floor *floor)
    int hf_witness_start(hf_witness *witness)
    void hf_witness_stop(hf_witness *witness) nogil


@cython.final
cdef class Floor:
    """Sockets on loopback, each received from and sent to every 20 ms by one thread."""

    cdef hf_floor *floor

    def __cinit__(self, int count, *, bint realtime=True):
        if count < 1:
            raise ValueError("a floor has at least one socket")
        self.floor = hf_floor_new(count, realtime)
        if self.floor == NULL:
            raise OSError(f"{count} sockets cannot be opened")

    def __dealloc__(self):
        if self.floor != NULL:
            with nogil:
                hf_floor_free(self.floor)

    @property
    def ports(self):
        """UDP port of each socket."""
        return [self.floor.sockets[at].port for at in range(self.floor.count)]

    @property
    def received(self):
        """Packets received."""
        return self.floor.received

    @property
    def sent(self):
        """Packets sent."""
        return self.floor.sent

    @property
    def cpu_s(self):
        """Processor seconds of the thread; 0 when it does not run."""
        return hf_floor_cpu(self.floor)

    def aim(self, int index, int port):
        """Send from a socket to this port of loopback; before ``start``."""
        if not 0 <= index < self.floor.count:
            raise IndexError(index)
        hf_floor_aim(self.floor, index, port)

    def start(self):
        """Start the thread; OSError when the system refuses."""
        error = hf_floor_start(self.floor)
        if error:
            raise OSError(error, os.strerror(error))

    def stop(self):
        """End the thread."""
        with nogil:
            hf_floor_stop(self.floor)


@cython.final
cdef class Witness:
    """Wakes every millisecond above every engine: what it sees late is the machine's doing."""

    cdef hf_witness witness

    def __dealloc__(self):
        with nogil:
            hf_witness_stop(&self.witness)

    @property
    def worst_ms(self):
        """Latest wake-up since ``start``."""
        return self.witness.worst_ns / 1e6

    def start(self):
        """Start the thread; OSError when the system refuses."""
        error = hf_witness_start(&self.witness)
        if error:
            raise OSError(error, os.strerror(error))

    def stop(self):
        """End the thread."""
        with nogil:
            hf_witness_stop(&self.witness)
