"""Deadlines by handle, in a heap that finds each one's place."""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport free, realloc


cdef void* grown(void* block, size_t size) except NULL:
    cdef void* larger = realloc(block, size)
    if larger == NULL:
        raise MemoryError()
    return larger


cdef enum:
    MOST = 1 << 24         # handles; they are small numbers that are used again


cdef struct Due:
    double when
    uint64_t order
    int32_t handle


cdef class Deadlines:
    """One deadline a handle, the earliest first; equal times in the order they were set."""

    cdef Due* heap
    cdef int32_t* places               # by handle; -1 when none is set
    cdef int length, room, handles
    cdef uint64_t _next_order

    def __dealloc__(self):
        free(self.heap)
        free(self.places)

    def __len__(self):
        return self.length

    def set(self, int handle, double when):
        if not 0 <= handle < MOST:
            raise ValueError(f"handle {handle} is not 0 to {MOST - 1}")
        if not isfinite(when):
            raise ValueError(f"time {when} is not finite")
        self.cancel(handle)
        self._make_room(handle)
        cdef Due due
        due.when, due.order, due.handle = when, self._next_order, handle
        self._next_order += 1
        self.length += 1
        self._rise(self.length - 1, due)

    def cancel(self, int handle):
        if not 0 <= handle < self.handles or self.places[handle] < 0:
            return
        self._remove(self.places[handle])
        self.places[handle] = -1

    def first(self):
        return self.heap[0].when if self.length else None

    def pop(self, double now):
        if not self.length or not self.heap[0].when <= now:
            return -1
        cdef int handle = self.heap[0].handle
        self._remove(0)
        self.places[handle] = -1
        return handle

    def state(self):
        cdef int i
        ordered = sorted([(self.heap[i].order, i) for i in range(self.length)])
        return [(self.heap[i].handle, self.heap[i].when) for _, i in ordered]

    cdef int _make_room(self, int handle) except -1:
        cdef int i
        if self.length == self.room:
            more = max(64, self.room * 2)
            self.heap = <Due*>grown(self.heap, more * sizeof(Due))
            self.room = more
        if handle >= self.handles:
            more = max(64, handle + 1, self.handles * 2)
            self.places = <int32_t*>grown(self.places, more * sizeof(int32_t))
            for i in range(self.handles, more):
                self.places[i] = -1
            self.handles = more
        return 0

    cdef inline bint _less(self, Due* a, Due* b) noexcept nogil:
        if a.when != b.when:
            return a.when < b.when
        return a.order < b.order

    cdef inline void _put(self, int place, Due* due) noexcept nogil:
        self.heap[place] = due[0]
        self.places[due.handle] = place

    cdef void _rise(self, int place, Due due) noexcept nogil:
        cdef int above
        while place > 0:
            above = (place - 1) >> 1
            if not self._less(&due, &self.heap[above]):
                break
            self._put(place, &self.heap[above])
            place = above
        self._put(place, &due)

    cdef void _sink(self, int place, Due due) noexcept nogil:
        cdef int below
        while True:
            below = 2 * place + 1
            if below >= self.length:
                break
            if below + 1 < self.length and self._less(&self.heap[below + 1], &self.heap[below]):
                below += 1
            if not self._less(&self.heap[below], &due):
                break
            self._put(place, &self.heap[below])
            place = below
        self._put(place, &due)

    cdef void _remove(self, int place) noexcept nogil:
        cdef Due last
        self.length -= 1
        last = self.heap[self.length]
        if place == self.length:
            return
        if place > 0 and self._less(&last, &self.heap[(place - 1) >> 1]):
            self._rise(place, last)
        else:
            self._sink(place, last)
