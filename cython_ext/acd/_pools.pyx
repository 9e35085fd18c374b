"""Storage of the distribution kernel: agents in heaps, and calls in lines (``_waiting.pyx``).

A profile is a set of skills that agents share, a demand a set of needs that calls share. Each
profile has a heap of its idle agents, each demand a line of its waiting calls.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memset

from cython_ext.acd._waiting cimport Call, Place, line_add, line_free, line_remove


cdef void* grown(void* block, size_t size) except NULL:
    cdef void* larger = realloc(block, size)
    if larger == NULL:
        raise MemoryError()
    return larger


cdef class Pools:
    """Everything a Matcher remembers."""

    def __cinit__(self):
        self.profile_wants, self.demand_needs = [], []
        self.free_agents, self.free_calls = [], []
        self.orders = 1 << BY_IDLE_TIME
        self._more_sides(64)

    def __dealloc__(self):
        cdef int i, order
        for i in range(self.profiles_used):
            for order in range(ORDERS):
                free(self.profiles[i].heaps[order].items)
            free(self.profiles[i].fits)
            free(self.profiles[i].ranks)
        for i in range(self.demands_used):
            line_free(&self.demands[i].line)
            free(self.demands[i].fits)
            free(self.demands[i].scores)
            free(self.demands[i].tops)
        free(self.profiles)
        free(self.demands)
        free(self.counts)
        free(self.idle_profiles)
        free(self.waiting_demands)
        free(self.agents)
        free(self.calls)

    def state(self):
        cdef int i
        profiles = [
            (tuple(levels.items()), tuple((ranks or {}).items()), bool(only))
            for levels, ranks, only in self.profile_wants
        ]
        demands = [
            (line, ways, self.demands[i].urgency, self.demands[i].weight)
            for i, (line, ways) in enumerate(self.demand_needs)
        ]
        agents = [self._agent_state(i) for i in range(self.agents_used)]
        calls = [self._call_state(i) for i in range(self.calls_used)]
        return profiles, demands, agents, self.free_agents[:], calls, self.free_calls[:]

    cdef object _agent_state(self, int agent):
        cdef Agent* found = &self.agents[agent]
        if not found.used:
            return None
        since, occupancy, handled = found.ranks[0], found.ranks[1], found.ranks[2]
        return found.key, found.profile, found.state, since, occupancy, handled

    cdef object _call_state(self, int call):
        cdef Call* found = &self.calls[call]
        if found.status == FREE:
            return None
        return found.key, found.demand, found.priority, found.arrival, found.status == HELD

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
        cdef Side* side = &self.profiles[profile]
        cdef int order
        for order in range(ORDERS):
            if self.orders >> order & 1:
                self._room(&side.heaps[order])
        for order in range(ORDERS):
            if self.orders >> order & 1:
                side.heaps[order].length += 1
                self._rise(&side.heaps[order], side.heaps[order].length - 1, agent, order)
        self.idle_profiles[profile >> 6] |= <uint64_t>1 << (profile & 63)
        return 0

    cdef void leave_pool(self, int agent) noexcept:
        cdef int profile = self.agents[agent].profile
        cdef Side* side = &self.profiles[profile]
        cdef int order
        if self.agents[agent].places[0] < 0:
            return
        for order in range(ORDERS):
            if self.orders >> order & 1:
                self._remove(&side.heaps[order], self.agents[agent].places[order], order)
                self.agents[agent].places[order] = -1
        if side.heaps[0].length == 0:
            self.idle_profiles[profile >> 6] &= ~(<uint64_t>1 << (profile & 63))

    cdef int keep_order(self, int order) except -1:
        """Keep idle agents in one more order from now on."""
        cdef int profile, place, length
        cdef Heap* heap
        cdef Heap* first
        if self.orders >> order & 1:
            return 0
        for profile in range(self.profiles_used):
            heap = &self.profiles[profile].heaps[order]
            first = &self.profiles[profile].heaps[0]
            heap.length = 0
            for place in range(first.length):
                self._room(heap)
                heap.length += 1
                self._rise(heap, heap.length - 1, first.items[place], order)
        self.orders |= 1 << order
        return 0

    cdef int join_list(self, int call) except -1:
        cdef int demand = self.calls[call].demand
        line_add(&self.demands[demand].line, self._place(call), self.calls)
        self.waiting_demands[demand >> 6] |= <uint64_t>1 << (demand & 63)
        return 0

    cdef void leave_list(self, int call) noexcept:
        cdef int demand = self.calls[call].demand
        line_remove(&self.demands[demand].line, self._place(call), self.calls)
        if self.demands[demand].line.used == 0:
            self.waiting_demands[demand >> 6] &= ~(<uint64_t>1 << (demand & 63))

    cdef Place _place(self, int call) noexcept nogil:
        cdef Place place
        place.arrival, place.priority = self.calls[call].arrival, self.calls[call].priority
        place.call = call
        return place

    cdef int check_profile(self, int profile) except -1:
        if not 0 <= profile < self.profiles_used:
            raise ValueError(f"there is no profile {profile}")
        return 0

    cdef int check_demand(self, int demand) except -1:
        if not 0 <= demand < self.demands_used:
            raise ValueError(f"there is no demand {demand}")
        return 0

    cdef int check_agent(self, int agent) except -1:
        if not 0 <= agent < self.agents_used or not self.agents[agent].used:
            raise ValueError(f"there is no agent {agent}")
        return 0

    cdef int check_call(self, int call) except -1:
        if not 0 <= call < self.calls_used or self.calls[call].status == FREE:
            raise ValueError(f"there is no call {call}")
        return 0

    cdef int _room(self, Heap* heap) except -1:
        if heap.length == heap.room:
            room = max(8, heap.room * 2)
            heap.items = <int32_t*>grown(heap.items, room * sizeof(int32_t))
            heap.room = room
        return 0

    cdef void _put(self, Heap* heap, int place, int item, int order) noexcept nogil:
        heap.items[place] = item
        self.agents[item].places[order] = place

    cdef bint _less(self, int a, int b, int order) noexcept nogil:
        return agent_less(&self.agents[a], &self.agents[b], order)

    cdef void _rise(self, Heap* heap, int place, int item, int order) noexcept nogil:
        cdef int above
        while place > 0:
            above = (place - 1) >> 1
            if not self._less(item, heap.items[above], order):
                break
            self._put(heap, place, heap.items[above], order)
            place = above
        self._put(heap, place, item, order)

    cdef void _sink(self, Heap* heap, int place, int item, int order) noexcept nogil:
        cdef int below
        while True:
            below = 2 * place + 1
            if below >= heap.length:
                break
            if below + 1 < heap.length and self._less(
                heap.items[below + 1], heap.items[below], order
            ):
                below += 1
            if not self._less(heap.items[below], item, order):
                break
            self._put(heap, place, heap.items[below], order)
            place = below
        self._put(heap, place, item, order)

    cdef void _remove(self, Heap* heap, int place, int order) noexcept nogil:
        cdef int last
        heap.length -= 1
        last = heap.items[heap.length]
        if place == heap.length:
            return
        if place > 0 and self._less(last, heap.items[(place - 1) >> 1], order):
            self._rise(heap, place, last, order)
        else:
            self._sink(heap, place, last, order)

    cdef int new_profile(self, dict levels, dict ranks, bint only) except -1:
        if self.profiles_used == self.sides_room:
            self._more_sides(self.sides_room * 2)
        cdef int profile = self.profiles_used
        cdef int demand
        self._open_side(&self.profiles[profile])
        memset(&self.counts[profile * STATES], 0, STATES * sizeof(int64_t))
        if ranks is not None:
            self.profiles[profile].ranks = <int32_t*>grown(NULL, self.sides_room * sizeof(int32_t))
        self.profiles_used += 1
        self.profile_wants.append((levels, ranks, only))
        for demand in range(self.demands_used):
            self._pair(profile, demand)
        return profile

    cdef int new_demand(self, object line, tuple alternatives) except -1:
        if self.demands_used == self.sides_room:
            self._more_sides(self.sides_room * 2)
        cdef int demand = self.demands_used
        cdef int profile
        self._open_side(&self.demands[demand])
        self.demands[demand].scores = <int32_t*>grown(NULL, self.sides_room * sizeof(int32_t))
        self.demands[demand].tops = <int32_t*>grown(NULL, self.sides_room * sizeof(int32_t))
        self.demands_used += 1
        self.demands[demand].weight = 1.0
        self.demand_needs.append((line, alternatives))
        for profile in range(self.profiles_used):
            self._pair(profile, demand)
        return demand

    cdef int _pair(self, int profile, int demand) except -1:
        """Compare one profile with one demand and keep bit, score, best level and rank.

        Of several alternatives the one that fits with the greatest score counts.
        """
        levels, ranks, only = self.profile_wants[profile]
        line, alternatives = self.demand_needs[demand]
        cdef int32_t score, top, level, best_score = 0, best_top = 0
        cdef bint fits = False, enough, first = True
        for needs in alternatives:
            score, top, enough = 0, 0, True
            for skill, least in needs:
                level = levels.get(skill, 0)
                score += level
                top = max(top, level)
                if level < least:
                    enough = False
            if first or (enough, score, top) > (fits, best_score, best_top):
                fits, best_score, best_top = enough, score, top
            first = False
        self.demands[demand].scores[profile] = best_score
        self.demands[demand].tops[profile] = best_top
        if ranks is not None:
            self.profiles[profile].ranks[demand] = ranks.get(line, LAST)
            fits = fits and not (only and line not in ranks)
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
            if self.profiles[i].ranks != NULL:
                self.profiles[i].ranks = <int32_t*>grown(
                    self.profiles[i].ranks, room * sizeof(int32_t)
                )
        for i in range(self.demands_used):
            self.demands[i].fits = self._more_words(self.demands[i].fits, words)
            self.demands[i].scores = <int32_t*>grown(
                self.demands[i].scores, room * sizeof(int32_t)
            )
            self.demands[i].tops = <int32_t*>grown(self.demands[i].tops, room * sizeof(int32_t))
        self.sides_room = room
        self.words = words
        return 0

    cdef uint64_t* _more_words(self, uint64_t* old, int words) except NULL:
        cdef uint64_t* larger = <uint64_t*>grown(old, words * sizeof(uint64_t))
        memset(larger + self.words, 0, (words - self.words) * sizeof(uint64_t))
        return larger


cdef tuple line_ranks(order):
    ranks = tuple(sorted(order))
    if len({line for line, _ in ranks}) < len(ranks):
        raise ValueError("a line is named twice")
    for line, rank in ranks:
        if not 0 <= rank < LAST:
            raise ValueError(f"rank {rank} is not 0 to {LAST - 1}")
    return ranks


cdef tuple skill_levels(levels):
    pairs = tuple(sorted(levels))
    if len({skill for skill, _ in pairs}) < len(pairs):
        raise ValueError("a skill is named twice")
    for skill, level in pairs:
        if not -TOP_LEVEL <= level <= TOP_LEVEL:
            raise ValueError(f"level {level} of skill {skill} is beyond {TOP_LEVEL}")
    return pairs
