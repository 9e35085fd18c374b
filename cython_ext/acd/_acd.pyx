"""The distribution kernel: pools of idle agents, waiting lists, matching, deadlines.

Agents with equal skills share a *profile*; calls with equal needs share a *demand*. Each
profile keeps a heap of its idle agents, each demand a line of its waiting calls, and a bit
says for each pair whether they fit. A decision looks only at the heads of pools that fit and
are not empty, so its cost grows with the number of distinct profiles, not of agents or calls.

The plain twin with the same faces is ``oracle.py``; the contracts are in ``_acd.pyi``.
"""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from cython_ext.acd._pools cimport (
    BY_HANDLED,
    BY_IDLE_TIME,
    BY_KEY,
    BY_OCCUPANCY,
    FREE,
    HELD,
    IDLE_STATE,
    LAST,
    LISTED,
    ORDERS,
    STATES,
    Agent,
    Heap,
    Pools,
    Side,
    agent_less,
    hf_lowest_bit,
    line_ranks,
    skill_levels,
)
from cython_ext.acd._waiting cimport Call, Place, call_less, line_bytes, line_head

IDLE = IDLE_STATE
LONGEST_IDLE = 0
MOST_SKILLED = 1
LEAST_SKILLED = 2
LEAST_OCCUPIED = 3
FEWEST_CALLS = 4
LINEAR = 5
EXPERT_LONGEST_IDLE = 6
EXPERT_LEAST_OCCUPIED = 7
RULES = 8

cdef enum:
    NO_LEVEL = 0
    HIGHEST_SUM = 1
    LOWEST_SUM = 2
    HIGHEST_LEVEL = 3

# By rule: which level decides first, and in which order the agents of one profile stand.
cdef int[8] LEVELS = [
    NO_LEVEL, HIGHEST_SUM, LOWEST_SUM, NO_LEVEL, NO_LEVEL, NO_LEVEL, HIGHEST_LEVEL, HIGHEST_LEVEL
]
cdef int[8] STANDS = [
    BY_IDLE_TIME, BY_IDLE_TIME, BY_IDLE_TIME, BY_OCCUPANCY, BY_HANDLED, BY_KEY, BY_IDLE_TIME,
    BY_OCCUPANCY,
]


cdef inline uint64_t mixed(uint64_t value) noexcept nogil:
    """Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014."""
    value += 0x9E3779B97F4A7C15ULL
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL
    return value ^ (value >> 31)


cdef class Matcher(Pools):
    """Pools of idle agents, lists of waiting calls, and the choice between them."""

    cdef dict _profile_ids, _demand_ids

    def __cinit__(self):
        self._profile_ids, self._demand_ids = {}, {}

    # Profiles and demands

    def profile(self, levels, *, order=(), bint only=False):
        pairs = skill_levels(levels)
        ranks = line_ranks(order)
        number = self._profile_ids.get((pairs, ranks, only))
        if number is None:
            number = self.new_profile(dict(pairs), dict(ranks) if ranks or only else None, only)
            self._profile_ids[pairs, ranks, only] = number
        return number

    def demand(self, needs, *, int64_t line=0):
        return self.demand_of((needs,), line=line)

    def demand_of(self, alternatives, *, int64_t line=0):
        ways = tuple(sorted({skill_levels(needs) for needs in alternatives}))
        if not ways:
            raise ValueError("a demand has no alternative")
        number = self._demand_ids.get((line, ways))
        if number is None:
            number = self.new_demand(line, ways)
            self._demand_ids[line, ways] = number
        return number

    def set_urgency(self, int demand, double urgency):
        self.check_demand(demand)
        if not isfinite(urgency):
            raise ValueError(f"urgency {urgency} is not finite")
        self.demands[demand].urgency = urgency

    def set_weight(self, int demand, double weight):
        self.check_demand(demand)
        if not (isfinite(weight) and weight > 0):
            raise ValueError(f"weight {weight} is not finite and above 0")
        self.demands[demand].weight = weight
        self.weighted = self.weighted or weight != 1

    def fits(self, int profile, int demand):
        self.check_profile(profile)
        self.check_demand(demand)
        return bool(self.demands[demand].fits[profile >> 6] >> (profile & 63) & 1)

    def score(self, int profile, int demand):
        self.check_profile(profile)
        self.check_demand(demand)
        return self.demands[demand].scores[profile]

    def best_level(self, int profile, int demand):
        self.check_profile(profile)
        self.check_demand(demand)
        return self.demands[demand].tops[profile]

    # Agents

    def add_agent(self, int64_t key, int profile):
        cdef int agent
        self.check_profile(profile)
        agent = self.free_agents.pop() if self.free_agents else self.more_agents()
        self.agents[agent] = Agent(
            key=key, ranks=[0.0, 0.0, 0.0], places=[-1, -1, -1, -1], profile=profile, state=0,
            used=1,
        )
        self.counts[profile * STATES] += 1
        return agent

    def drop_agent(self, int agent):
        self.check_agent(agent)
        self.leave_pool(agent)
        self.counts[self.agents[agent].profile * STATES + self.agents[agent].state] -= 1
        self.agents[agent].used = 0
        self.free_agents.append(agent)

    def set_profile(self, int agent, int profile):
        self.check_agent(agent)
        self.check_profile(profile)
        cdef Agent* found = &self.agents[agent]
        self.leave_pool(agent)
        self.counts[found.profile * STATES + found.state] -= 1
        found.profile = profile
        self.counts[profile * STATES + found.state] += 1
        if found.state == IDLE_STATE:
            self.join_pool(agent)

    def set_ranks(self, int agent, double occupancy, double handled):
        self.check_agent(agent)
        if not (isfinite(occupancy) and isfinite(handled)):
            raise ValueError(f"rank {occupancy} or {handled} is not finite")
        cdef Agent* found = &self.agents[agent]
        self.leave_pool(agent)
        found.ranks[1] = occupancy
        found.ranks[2] = handled
        if found.state == IDLE_STATE:
            self.join_pool(agent)

    def profile_of(self, int agent):
        self.check_agent(agent)
        return self.agents[agent].profile

    def key_of(self, int agent):
        self.check_agent(agent)
        return self.agents[agent].key

    def set_state(self, int agent, int state, double since):
        self.check_agent(agent)
        if not 0 <= state < STATES:
            raise ValueError(f"state {state} is not 0 to {STATES - 1}")
        if not isfinite(since):
            raise ValueError(f"time {since} is not finite")
        cdef Agent* found = &self.agents[agent]
        self.leave_pool(agent)
        self.counts[found.profile * STATES + found.state] -= 1
        found.state = state
        found.ranks[0] = since
        self.counts[found.profile * STATES + state] += 1
        if state == IDLE_STATE:
            self.join_pool(agent)

    # Calls

    def add_call(self, int64_t key, int demand, int priority, double arrival):
        cdef int call
        self.check_demand(demand)
        if not isfinite(arrival):
            raise ValueError(f"time {arrival} is not finite")
        call = self.free_calls.pop() if self.free_calls else self.more_calls()
        self.calls[call] = Call(
            key=key, arrival=arrival, priority=priority, demand=demand, status=LISTED
        )
        self.join_list(call)
        return call

    def drop_call(self, int call):
        self.check_call(call)
        if self.calls[call].status == LISTED:
            self.leave_list(call)
        self.calls[call].status = FREE
        self.free_calls.append(call)

    def hold_call(self, int call):
        self.check_call(call)
        if self.calls[call].status == LISTED:
            self.leave_list(call)
            self.calls[call].status = HELD

    def release_call(self, int call):
        self.check_call(call)
        if self.calls[call].status == HELD:
            self.calls[call].status = LISTED
            self.join_list(call)

    # Decisions

    def best_agent(self, int demand, int rule):
        self.check_demand(demand)
        if not 0 <= rule < RULES:
            raise ValueError(f"rule {rule} is not 0 to {RULES - 1}")
        self.keep_order(STANDS[rule])
        return self._best_agent(demand, LEVELS[rule], STANDS[rule])

    def next_agent(self, int demand, int64_t after):
        self.check_demand(demand)
        cdef int word, place, agent, first = -1, following = -1
        cdef uint64_t bits
        cdef Heap* heap
        for word in range(self.words):
            bits = self.demands[demand].fits[word] & self.idle_profiles[word]
            while bits:
                heap = &self.profiles[word * 64 + hf_lowest_bit(bits)].heaps[0]
                bits &= bits - 1
                for place in range(heap.length):
                    agent = heap.items[place]
                    if first < 0 or self.agents[agent].key < self.agents[first].key:
                        first = agent
                    if self.agents[agent].key > after and (
                        following < 0 or self.agents[agent].key < self.agents[following].key
                    ):
                        following = agent
        return first if following < 0 else following

    def draw_agent(self, int demand, uint64_t lot, *, bint by_score=False):
        self.check_demand(demand)
        cdef int word, place, agent, best = -1, profile, ticket, tickets
        cdef uint64_t bits, drawn, least = 0, own
        cdef Heap* heap
        for word in range(self.words):
            bits = self.demands[demand].fits[word] & self.idle_profiles[word]
            while bits:
                profile = word * 64 + hf_lowest_bit(bits)
                bits &= bits - 1
                heap = &self.profiles[profile].heaps[0]
                tickets = 1
                if by_score:
                    tickets = max(1, self.demands[demand].scores[profile])
                for place in range(heap.length):
                    agent = heap.items[place]
                    own = mixed(<uint64_t>self.agents[agent].key)
                    for ticket in range(tickets):
                        drawn = mixed(mixed(lot ^ own) + <uint64_t>ticket)
                        if best < 0 or drawn < least or (
                            drawn == least and self.agents[agent].key < self.agents[best].key
                        ):
                            best, least = agent, drawn
        return best

    def best_call(self, int profile, double now=0.0):
        self.check_profile(profile)
        if not isfinite(now):
            raise ValueError(f"time {now} is not finite")
        return self._best_call(profile, now)

    def idle_agents(self, int demand):
        self.check_demand(demand)
        found = []
        cdef int word, place
        cdef uint64_t bits
        cdef Heap* heap
        for word in range(self.words):
            bits = self.demands[demand].fits[word] & self.idle_profiles[word]
            while bits:
                heap = &self.profiles[word * 64 + hf_lowest_bit(bits)].heaps[0]
                bits &= bits - 1
                for place in range(heap.length):
                    found.append(
                        (self.agents[heap.items[place]].ranks[0],
                         self.agents[heap.items[place]].key,
                         heap.items[place])
                    )
        found.sort()
        return [entry[2] for entry in found]

    def tally(self, int demand):
        self.check_demand(demand)
        cdef int64_t sums[STATES]
        cdef int word, profile, state
        cdef uint64_t bits
        memset(sums, 0, sizeof(sums))
        for word in range(self.words):
            bits = self.demands[demand].fits[word]
            while bits:
                profile = word * 64 + hf_lowest_bit(bits)
                bits &= bits - 1
                for state in range(STATES):
                    sums[state] += self.counts[profile * STATES + state]
        return tuple([sums[state] for state in range(STATES)])

    def memory(self):
        cdef int room_in_heaps = 0, i, order
        for i in range(self.profiles_used):
            for order in range(ORDERS):
                room_in_heaps += self.profiles[i].heaps[order].room
        agents = self.agents_room * sizeof(Agent) + room_in_heaps * sizeof(int32_t)
        calls = self.calls_room * sizeof(Call)
        for i in range(self.demands_used):
            calls += line_bytes(&self.demands[i].line)
        return agents, calls

    # Inside

    cdef int _best_agent(self, int demand, int level, int stand) noexcept nogil:
        cdef Side* wanted = &self.demands[demand]
        cdef int best = -1, head, profile, word, difference
        cdef int32_t mine = 0, best_mine = 0
        cdef uint64_t bits
        for word in range(self.words):
            bits = wanted.fits[word] & self.idle_profiles[word]
            while bits:
                profile = word * 64 + hf_lowest_bit(bits)
                bits &= bits - 1
                head = self.profiles[profile].heaps[stand].items[0]
                if level == HIGHEST_SUM:
                    mine = wanted.scores[profile]
                elif level == LOWEST_SUM:
                    mine = -wanted.scores[profile]
                elif level == HIGHEST_LEVEL:
                    mine = wanted.tops[profile]
                difference = mine - best_mine
                if best < 0 or difference > 0 or (
                    difference == 0
                    and agent_less(&self.agents[head], &self.agents[best], stand)
                ):
                    best = head
                    best_mine = mine
        return best

    cdef int _best_call(self, int profile, double now) noexcept nogil:
        cdef int best = -1, word, demand
        cdef uint64_t bits
        cdef int32_t* ranks = self.profiles[profile].ranks
        for word in range(self.words):
            bits = self.profiles[profile].fits[word] & self.waiting_demands[word]
            while bits:
                demand = word * 64 + hf_lowest_bit(bits)
                bits &= bits - 1
                if best < 0 or (
                    ranks[demand] < ranks[best] if ranks != NULL and ranks[demand] != ranks[best]
                    else self._before(&self.demands[demand], &self.demands[best], now)
                ):
                    best = demand
        return best if best < 0 else line_head(&self.demands[best].line).call

    cdef bint _before(self, Side* one, Side* other, double now) noexcept nogil:
        """Whether the first call of one demand is served before that of another."""
        cdef Place* a = line_head(&one.line)
        cdef Place* b = line_head(&other.line)
        cdef double wait_a, wait_b
        if one.urgency != other.urgency:
            return one.urgency > other.urgency
        if self.weighted and a.priority == b.priority:
            wait_a, wait_b = (now - a.arrival) * one.weight, (now - b.arrival) * other.weight
            if wait_a != wait_b:
                return wait_a > wait_b
        return call_less(a, b, self.calls)
