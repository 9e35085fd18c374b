"""The distribution kernel: pools of idle agents, waiting lists, matching, deadlines.

Agents with equal skills share a *profile*; calls with equal needs share a *demand*. Each
profile keeps a heap of its idle agents, each demand a heap of its waiting calls, and a bit
says for each pair whether they fit. A decision looks only at the heads of pools that fit and
are not empty, so its cost grows with the number of distinct profiles, not of agents or calls.

The plain twin with the same faces is ``oracle.py``; the contracts are in ``_acd.pyi``.
"""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from cython_ext.acd._pools cimport (
    FREE,
    HELD,
    IDLE_STATE,
    LISTED,
    STATES,
    Agent,
    Call,
    Heap,
    Pools,
    Side,
    agent_less,
    call_less,
    hf_lowest_bit,
)

IDLE = IDLE_STATE
LONGEST_IDLE = 0
MOST_SKILLED = 1
LEAST_SKILLED = 2
RULES = 3


cdef class Matcher(Pools):
    """Pools of idle agents, lists of waiting calls, and the choice between them."""

    cdef list _free_agents, _free_calls
    cdef dict _profile_ids, _demand_ids

    def __cinit__(self):
        self._free_agents, self._free_calls = [], []
        self._profile_ids, self._demand_ids = {}, {}

    # Profiles and demands

    def profile(self, levels):
        pairs = _pairs(levels)
        number = self._profile_ids.get(pairs)
        if number is None:
            number = self.new_profile(dict(pairs))
            self._profile_ids[pairs] = number
        return number

    def demand(self, needs):
        pairs = _pairs(needs)
        number = self._demand_ids.get(pairs)
        if number is None:
            number = self.new_demand(pairs)
            self._demand_ids[pairs] = number
        return number

    def fits(self, int profile, int demand):
        self._check_profile(profile)
        self._check_demand(demand)
        return bool(self.demands[demand].fits[profile >> 6] >> (profile & 63) & 1)

    def score(self, int profile, int demand):
        self._check_profile(profile)
        self._check_demand(demand)
        return self.demands[demand].scores[profile]

    # Agents

    def add_agent(self, int64_t key, int profile):
        cdef int agent
        self._check_profile(profile)
        if self._free_agents:
            agent = self._free_agents.pop()
        else:
            agent = self.more_agents()
        self.agents[agent] = Agent(
            key=key, since=0.0, profile=profile, place=-1, state=0, used=1
        )
        self.counts[profile * STATES] += 1
        return agent

    def drop_agent(self, int agent):
        self._check_agent(agent)
        self.leave_pool(agent)
        self.counts[self.agents[agent].profile * STATES + self.agents[agent].state] -= 1
        self.agents[agent].used = 0
        self._free_agents.append(agent)

    def set_profile(self, int agent, int profile):
        self._check_agent(agent)
        self._check_profile(profile)
        cdef Agent* found = &self.agents[agent]
        self.leave_pool(agent)
        self.counts[found.profile * STATES + found.state] -= 1
        found.profile = profile
        self.counts[profile * STATES + found.state] += 1
        if found.state == IDLE_STATE:
            self.join_pool(agent)

    def profile_of(self, int agent):
        self._check_agent(agent)
        return self.agents[agent].profile

    def set_state(self, int agent, int state, double since):
        self._check_agent(agent)
        if not 0 <= state < STATES:
            raise ValueError(f"state {state} is not 0 to {STATES - 1}")
        if not isfinite(since):
            raise ValueError(f"time {since} is not finite")
        cdef Agent* found = &self.agents[agent]
        self.leave_pool(agent)
        self.counts[found.profile * STATES + found.state] -= 1
        found.state = state
        found.since = since
        self.counts[found.profile * STATES + state] += 1
        if state == IDLE_STATE:
            self.join_pool(agent)

    # Calls

    def add_call(self, int64_t key, int demand, int priority, double arrival):
        cdef int call
        self._check_demand(demand)
        if not isfinite(arrival):
            raise ValueError(f"time {arrival} is not finite")
        if self._free_calls:
            call = self._free_calls.pop()
        else:
            call = self.more_calls()
        self.calls[call] = Call(
            key=key, arrival=arrival, priority=priority, demand=demand, place=-1, status=LISTED
        )
        self.join_list(call)
        return call

    def drop_call(self, int call):
        self._check_call(call)
        if self.calls[call].status == LISTED:
            self.leave_list(call)
        self.calls[call].status = FREE
        self._free_calls.append(call)

    def hold_call(self, int call):
        self._check_call(call)
        if self.calls[call].status == LISTED:
            self.leave_list(call)
            self.calls[call].status = HELD

    def release_call(self, int call):
        self._check_call(call)
        if self.calls[call].status == HELD:
            self.calls[call].status = LISTED
            self.join_list(call)

    # Decisions

    def best_agent(self, int demand, int rule):
        self._check_demand(demand)
        if not 0 <= rule < RULES:
            raise ValueError(f"rule {rule} is not 0 to {RULES - 1}")
        return self._best_agent(demand, rule)

    def best_call(self, int profile):
        self._check_profile(profile)
        return self._best_call(profile)

    def idle_agents(self, int demand):
        self._check_demand(demand)
        found = []
        cdef int word, place
        cdef uint64_t bits
        cdef Heap* heap
        for word in range(self.words):
            bits = self.demands[demand].fits[word] & self.idle_profiles[word]
            while bits:
                heap = &self.profiles[word * 64 + hf_lowest_bit(bits)].heap
                bits &= bits - 1
                for place in range(heap.length):
                    found.append(
                        (self.agents[heap.items[place]].since,
                         self.agents[heap.items[place]].key,
                         heap.items[place])
                    )
        found.sort()
        return [entry[2] for entry in found]

    def tally(self, int demand):
        self._check_demand(demand)
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
        cdef int room_in_heaps = 0, i
        for i in range(self.profiles_used):
            room_in_heaps += self.profiles[i].heap.room
        agents = self.agents_room * sizeof(Agent) + room_in_heaps * sizeof(int32_t)
        room_in_heaps = 0
        for i in range(self.demands_used):
            room_in_heaps += self.demands[i].heap.room
        return agents, self.calls_room * sizeof(Call) + room_in_heaps * sizeof(int32_t)

    # Inside

    cdef int _best_agent(self, int demand, int rule) noexcept nogil:
        cdef Side* wanted = &self.demands[demand]
        cdef int best = -1, head, profile, word, difference
        cdef int32_t best_score = 0
        cdef uint64_t bits
        for word in range(self.words):
            bits = wanted.fits[word] & self.idle_profiles[word]
            while bits:
                profile = word * 64 + hf_lowest_bit(bits)
                bits &= bits - 1
                head = self.profiles[profile].heap.items[0]
                difference = 0
                if rule != 0:
                    difference = wanted.scores[profile] - best_score
                    if rule == 2:
                        difference = -difference
                if best < 0 or difference > 0 or (
                    difference == 0 and agent_less(&self.agents[head], &self.agents[best])
                ):
                    best = head
                    best_score = wanted.scores[profile]
        return best

    cdef int _best_call(self, int profile) noexcept nogil:
        cdef int best = -1, head, word
        cdef uint64_t bits
        for word in range(self.words):
            bits = self.profiles[profile].fits[word] & self.waiting_demands[word]
            while bits:
                head = self.demands[word * 64 + hf_lowest_bit(bits)].heap.items[0]
                bits &= bits - 1
                if best < 0 or call_less(&self.calls[head], &self.calls[best]):
                    best = head
        return best

    cdef int _check_profile(self, int profile) except -1:
        if not 0 <= profile < self.profiles_used:
            raise ValueError(f"there is no profile {profile}")
        return 0

    cdef int _check_demand(self, int demand) except -1:
        if not 0 <= demand < self.demands_used:
            raise ValueError(f"there is no demand {demand}")
        return 0

    cdef int _check_agent(self, int agent) except -1:
        if not 0 <= agent < self.agents_used or not self.agents[agent].used:
            raise ValueError(f"there is no agent {agent}")
        return 0

    cdef int _check_call(self, int call) except -1:
        if not 0 <= call < self.calls_used or self.calls[call].status == FREE:
            raise ValueError(f"there is no call {call}")
        return 0


cdef tuple _pairs(levels):
    pairs = tuple(sorted(levels))
    if len({skill for skill, _ in pairs}) < len(pairs):
        raise ValueError("a skill is named twice")
    return pairs
