"""Storage and heaps of the distribution kernel, as other modules of the kernel see them."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from cython_ext.acd._waiting cimport Call, Line, Place

cdef extern from *:
    """
    #define hf_lowest_bit(word) __builtin_ctzll(word)
    """
    int hf_lowest_bit(uint64_t word) noexcept nogil

cdef enum:
    STATES = 16
    ORDERS = 4
    BY_IDLE_TIME = 0
    BY_OCCUPANCY = 1
    BY_HANDLED = 2
    BY_KEY = 3
    IDLE_STATE = 1
    FREE = 0
    LISTED = 1
    HELD = 2
    LAST = 0x7FFFFFFF     # rank of a line that a profile does not name
    TOP_LEVEL = 1000


cdef struct Heap:
    int32_t* items
    int32_t length
    int32_t room


cdef struct Agent:
    int64_t key
    double ranks[3]    # idle since, occupancy, calls handled
    int32_t places[4]  # in the heaps of its profile, one an order; -1 when not there
    int32_t profile
    int8_t state
    int8_t used


cdef struct Side:
    Heap heaps[4]      # profiles only: idle agents in each order
    Line line          # demands only: calls that wait, in their order
    uint64_t* fits     # bit i: this profile or demand fits demand or profile i
    int32_t* scores    # demands only: sum of levels of each profile
    int32_t* tops      # demands only: best level of each profile
    int32_t* ranks     # profiles with an order of lines: rank of each demand; else NULL
    double urgency     # demands only: greater is served first
    double weight      # demands only: what a second of wait counts beside other demands


cdef inline bint agent_less(const Agent* a, const Agent* b, int order) noexcept nogil:
    """By the rank of the order, then longest idle first, then the lower key."""
    if order != BY_KEY:
        if a.ranks[order] != b.ranks[order]:
            return a.ranks[order] < b.ranks[order]
        if a.ranks[0] != b.ranks[0]:
            return a.ranks[0] < b.ranks[0]
    return a.key < b.key


cdef tuple skill_levels(levels)
cdef tuple line_ranks(order)


cdef class Pools:
    cdef Agent* agents
    cdef Call* calls
    cdef Side* profiles
    cdef Side* demands
    cdef int64_t* counts               # STATES counters a profile
    cdef uint64_t* idle_profiles       # bit: somebody idle
    cdef uint64_t* waiting_demands     # bit: somebody waiting
    cdef int agents_used, agents_room, calls_used, calls_room
    cdef int profiles_used, demands_used, sides_room, words
    cdef int orders                    # bit: this order is kept
    cdef bint weighted                 # some weight is not 1
    cdef list profile_wants            # (levels, ranks by line or None, only these lines)
    cdef list demand_needs             # (line, alternatives)
    cdef list free_agents, free_calls  # handles given back, the last one is taken first

    cdef object _agent_state(self, int agent)
    cdef object _call_state(self, int call)
    cdef int more_agents(self) except -1
    cdef int more_calls(self) except -1
    cdef int new_profile(self, dict levels, dict ranks, bint only) except -1
    cdef int new_demand(self, object line, tuple alternatives) except -1
    cdef int keep_order(self, int order) except -1
    cdef int join_pool(self, int agent) except -1
    cdef void leave_pool(self, int agent) noexcept
    cdef int join_list(self, int call) except -1
    cdef void leave_list(self, int call) noexcept
    cdef Place _place(self, int call) noexcept nogil

    cdef int check_profile(self, int profile) except -1
    cdef int check_demand(self, int demand) except -1
    cdef int check_agent(self, int agent) except -1
    cdef int check_call(self, int call) except -1

    cdef int _room(self, Heap* heap) except -1
    cdef void _put(self, Heap* heap, int place, int item, int order) noexcept nogil
    cdef bint _less(self, int a, int b, int order) noexcept nogil
    cdef void _rise(self, Heap* heap, int place, int item, int order) noexcept nogil
    cdef void _sink(self, Heap* heap, int place, int item, int order) noexcept nogil
    cdef void _remove(self, Heap* heap, int place, int order) noexcept nogil
    cdef int _pair(self, int profile, int demand) except -1
    cdef int _open_side(self, Side* side) except -1
    cdef int _more_sides(self, int room) except -1
    cdef uint64_t* _more_words(self, uint64_t* old, int words) except NULL
