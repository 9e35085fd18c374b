"""Waiting calls of one demand in their order, in blocks, as other modules of the kernel see them."""

from libc.stdint cimport int8_t, int32_t, int64_t

cdef enum:
    BLOCK_ROOM = 64


cdef struct Call:
    int64_t key
    double arrival
    int32_t priority
    int32_t demand
    int8_t status


cdef struct Place:
    double arrival         # beside the call, so that most comparisons read nothing else
    int32_t priority
    int32_t call


cdef struct Block:
    int32_t length
    Place items[64]        # BLOCK_ROOM


cdef struct Line:
    Block** blocks         # from start on, used of them, each with at least one call
    Block* spare           # kept for the next caller of a line that runs empty
    Place* firsts          # the first call of each block, so that a search reads few of them
    int32_t start
    int32_t used
    int32_t room


cdef inline bint call_less(const Place* a, const Place* b, const Call* calls) noexcept nogil:
    """Highest priority first, then the earlier arrival, then the lower key."""
    if a.priority != b.priority:
        return a.priority > b.priority
    if a.arrival != b.arrival:
        return a.arrival < b.arrival
    if calls[a.call].key != calls[b.call].key:
        return calls[a.call].key < calls[b.call].key
    return a.call < b.call


cdef inline Place* line_head(const Line* line) noexcept nogil:
    """The call that is next, in a line that has one."""
    return &line.firsts[line.start]


cdef int line_add(Line* line, Place place, const Call* calls) except -1
cdef void line_remove(Line* line, Place place, const Call* calls) noexcept
cdef void line_free(Line* line) noexcept
cdef size_t line_bytes(const Line* line) noexcept nogil
