"""Storage of the distribution kernel: agents, calls, and a heap for each kind of them.

A profile is a set of skills that agents share, a demand a set of needs that calls share. Each
profile has a heap of its idle agents, each demand a heap of its waiting calls.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memset


cdef void* grown(void* block, size_t size) except NULL:
    cdef void* larger = realloc(block, size)
    if larger == NULL:
        raise MemoryError()
    return larger


cdef class Pools:
    """Everything a Matcher remembers."""

    def __cinit__(self):
        self.profile_levels, self.demand_needs = [], []
        self._more_sides(64)

    def __dealloc__(self):
        cdef int i
        for i in range(self.profiles_used):
            free(self.profiles[i].heap.items)
            free(self.profiles[i].fits)
        for i in range(self.demands_used):
            free(self.demands[i].heap.items)
            free(self.demands[i].fits)
            free(self.demands[i].scores)
        free(self.profiles)
        free(self.demands)
        free(self.counts)
        free(self.idle_profiles)
        free(self.waiting_demands)
        free(self.agents)
        free(self.calls)

    cdef int more_agents(self) except -1:
        """Make room for one more agent."""
        if self.agents_used == self.agents_room:
            room = max(64, self.agents_room * 2)
            self.agents = <Agent*>grown(self.agents, room * sizeof(Agent))
            self.agents_room = room
        self.agents_used += 1
        return self.agents_used - 1

    cdef int more_calls(self) except -1:
        """Make room for one more call."""
        if self.calls_used == self.calls_room:
            room = max(64, self.calls_room * 2)
            self.calls = <Call*>grown(self.calls, room * sizeof(Call))
            self.calls_room = room
        self.calls_used += 1
        return self.calls_used - 1

    cdef int join_pool(self, int agent) except -1:
        cdef int profile = self.agents[agent].profile
        cdef Heap* heap = &self.profiles[profile].heap
        self._room(heap)
        heap.length += 1
        self._rise(heap, heap.length - 1, agent, False)
        self.idle_profiles[profile >> 6] |= <uint64_t>1 << (profile & 63)
        return 0

    cdef void leave_pool(self, int agent) noexcept:
        cdef int profile = self.agents[agent].profile
        cdef Heap* heap = &self.profiles[profile].heap
        if self.agents[agent].place < 0:
            return
        self._remove(heap, self.agents[agent].place, False)
        self.agents[agent].place = -1
        if heap.length == 0:
            self.idle_profiles[profile >> 6] &= ~(<uint64_t>1 << (profile & 63))

    cdef int join_list(self, int call) except -1:
        cdef int demand = self.calls[call].demand
        cdef Heap* heap = &self.demands[demand].heap
        self._room(heap)
        heap.length += 1
        self._rise(heap, heap.length - 1, call, True)
        self.waiting_demands[demand >> 6] |= <uint64_t>1 << (demand & 63)
        return 0

    cdef void leave_list(self, int call) noexcept:
        cdef int demand = self.calls[call].demand
        cdef Heap* heap = &self.demands[demand].heap
        self._remove(heap, self.calls[call].place, True)
        self.calls[call].place = -1
        if heap.length == 0:
            self.waiting_demands[demand >> 6] &= ~(<uint64_t>1 << (demand & 63))

    cdef int _room(self, Heap* heap) except -1:
        if heap.length == heap.room:
            room = max(8, heap.room * 2)
            heap.items = <int32_t*>grown(heap.items, room * sizeof(int32_t))
            heap.room = room
        return 0

    cdef void _put(self, Heap* heap, int place, int item, bint calls) noexcept nogil:
        heap.items[place] = item
        if calls:
            self.calls[item].place = place
        else:
            self.agents[item].place = place

    cdef bint _less(self, int a, int b, bint calls) noexcept nogil:
        if calls:
            return call_less(&self.calls[a], &self.calls[b])
        return agent_less(&self.agents[a], &self.agents[b])

    cdef void _rise(self, Heap* heap, int place, int item, bint calls) noexcept nogil:
        cdef int above
        while place > 0:
            above = (place - 1) >> 1
            if not self._less(item, heap.items[above], calls):
                break
            self._put(heap, place, heap.items[above], calls)
            place = above
        self._put(heap, place, item, calls)

    cdef void _sink(self, Heap* heap, int place, int item, bint calls) noexcept nogil:
        cdef int below
        while True:
            below = 2 * place + 1
            if below >= heap.length:
                break
            if below + 1 < heap.length and self._less(
                heap.items[below + 1], heap.items[below], calls
            ):
                below += 1
            if not self._less(heap.items[below], item, calls):
                break
            self._put(heap, place, heap.items[below], calls)
            place = below
        self._put(heap, place, item, calls)

    cdef void _remove(self, Heap* heap, int place, bint calls) noexcept nogil:
        cdef int last
        heap.length -= 1
        last = heap.items[heap.length]
        if place == heap.length:
            return
        if place > 0 and self._less(last, heap.items[(place - 1) >> 1], calls):
            self._rise(heap, place, last, calls)
        else:
            self._sink(heap, place, last, calls)

    cdef int new_profile(self, dict levels) except -1:
        if self.profiles_used == self.sides_room:
            self._more_sides(self.sides_room * 2)
        cdef int profile = self.profiles_used
        cdef int demand
        self._open_side(&self.profiles[profile])
        memset(&self.counts[profile * STATES], 0, STATES * sizeof(int64_t))
        self.profiles_used += 1
        self.profile_levels.append(levels)
        for demand in range(self.demands_used):
            self._pair(profile, demand)
        return profile

    cdef int new_demand(self, tuple needs) except -1:
        if self.demands_used == self.sides_room:
            self._more_sides(self.sides_room * 2)
        cdef int demand = self.demands_used
        cdef int profile
        self._open_side(&self.demands[demand])
        self.demands[demand].scores = <int32_t*>grown(NULL, self.sides_room * sizeof(int32_t))
        self.demands_used += 1
        self.demand_needs.append(needs)
        for profile in range(self.profiles_used):
            self._pair(profile, demand)
        return demand

    cdef int _pair(self, int profile, int demand) except -1:
        """Compare one profile with one demand and keep bit and score."""
        levels = self.profile_levels[profile]
        cdef int32_t score = 0
        cdef bint fits = True
        for skill, least in self.demand_needs[demand]:
            level = levels.get(skill, 0)
            score += level
            if level < least:
                fits = False
        self.demands[demand].scores[profile] = score
        if fits:
            self.demands[demand].fits[profile >> 6] |= <uint64_t>1 << (profile & 63)
            self.profiles[profile].fits[demand >> 6] |= <uint64_t>1 << (demand & 63)
        return 0

    cdef int _open_side(self, Side* side) except -1:
        memset(side, 0, sizeof(Side))
        side.fits = <uint64_t*>grown(NULL, self.words * sizeof(uint64_t))
        memset(side.fits, 0, self.words * sizeof(uint64_t))
        return 0

    cdef int _more_sides(self, int room) except -1:
        cdef int words = room >> 6
        cdef int i
        self.profiles = <Side*>grown(self.profiles, room * sizeof(Side))
        self.demands = <Side*>grown(self.demands, room * sizeof(Side))
        self.counts = <int64_t*>grown(self.counts, room * STATES * sizeof(int64_t))
        self.idle_profiles = self._more_words(self.idle_profiles, words)
        self.waiting_demands = self._more_words(self.waiting_demands, words)
        for i in range(self.profiles_used):
            self.profiles[i].fits = self._more_words(self.profiles[i].fits, words)
        for i in range(self.demands_used):
            self.demands[i].fits = self._more_words(self.demands[i].fits, words)
            self.demands[i].scores = <int32_t*>grown(
                self.demands[i].scores, room * sizeof(int32_t)
            )
        self.sides_room = room
        self.words = words
        return 0

    cdef uint64_t* _more_words(self, uint64_t* old, int words) except NULL:
        cdef uint64_t* larger = <uint64_t*>grown(old, words * sizeof(uint64_t))
        memset(larger + self.words, 0, (words - self.words) * sizeof(uint64_t))
        return larger
