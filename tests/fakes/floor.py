"""The floor of a hotline in memory: people, queues and calls that move when a test says so.

The clock is passed in. ``service.py`` puts the facade on top of it.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from daemon.service.credentials import PasswordKeeper
from daemon.service.figures import Figures
from daemon.service.live import (
    KeptCaller,
    LiveAgent,
    LiveCall,
    LiveQueue,
    QueueCounters,
    WaitingCaller,
)
from daemon.service.live_feed import LiveFeed
from daemon.service.messages import (
    CallerCard,
    Candidate,
    Decision,
    DriverStatus,
    LineStatus,
    ProcessStatus,
    SystemStatus,
    Text,
)
from daemon.service.settings import PersonSettings, QueueSettings

PASSWORDS = PasswordKeeper(time_cost=1, memory_kib=64)


class FakeFloor:
    """People in their seats and callers in their queues; each change is on the live feed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.feed = LiveFeed(clock())
        self.people: dict[str, PersonSettings] = {}
        self.hashes: dict[str, str] = {}
        self.queues: dict[str, QueueSettings] = {}
        self.agents: dict[str, LiveAgent] = {}
        self.calls: dict[str, LiveCall] = {}
        self.cards: dict[str, CallerCard] = {}
        self.counters: dict[str, QueueCounters] = {}
        self.callbacks: dict[str, tuple[KeptCaller, ...]] = {}
        self.reserves: set[str] = set()
        """Slugs of the queues in which reserve agents help."""
        self.version = 1

    def add_person(self, person: PersonSettings, password: str) -> None:
        self.people[person.login] = msgspec.structs.replace(person, version=1)
        self.hashes[person.login] = PASSWORDS.hash(password)
        if "agent" in person.roles:
            self.agents[person.login] = LiveAgent(
                login=person.login,
                name=person.name,
                state="logged_out",
                since=self.clock(),
                queues=tuple(self.queues),
            )
        self.refresh()

    def add_queue(self, queue: QueueSettings) -> None:
        self.queues[queue.slug] = msgspec.structs.replace(queue, version=1)
        self.counters[queue.slug] = QueueCounters()
        self.refresh()

    def arrive(self, call: str, ani: str, *, queue: str, name: str = "", priority: int = 0) -> None:
        now = self.clock()
        self.calls[call] = LiveCall(
            call=call,
            ani=ani,
            name=name,
            dnis="+8675512345678",
            state="waiting",
            since=now,
            started=now,
            line=f"trunk/{len(self.calls) + 1}",
            queue=queue,
            position=len(self._waiting(queue)) + 1,
        )
        self.cards[call] = CallerCard(
            call=call,
            ani=ani,
            name=name,
            dnis="+8675512345678",
            queue=queue,
            queue_name=self.queues[queue].name,
            priority=priority,
            language="en",
            path=("welcome", "main=2", "queue"),
            answers={"order": "4711"},
            history_count=3,
        )
        old = self.counters[queue]
        self.counters[queue] = msgspec.structs.replace(
            old, offered=old.offered + 1, in_system=old.in_system + 1
        )
        self.refresh()

    def offer(self, call: str, login: str) -> None:
        now = self.clock()
        self._call(call, state="offered", agent=login, agent_name=self.people[login].name)
        self._agent(login, state="ringing", call=call, until=now + 15)

    def connect(self, call: str) -> None:
        login = self.calls[call].agent
        old = self.counters[self.calls[call].queue]
        waited = self.clock() - self.calls[call].started
        self.counters[self.calls[call].queue] = msgspec.structs.replace(
            old,
            in_system=old.in_system - 1,
            answered=old.answered + 1,
            answered_in_time=old.answered_in_time + (waited <= 20),
            answered_wait_s=old.answered_wait_s + waited,
        )
        self._call(call, state="talking", position=0)
        self._agent(login, state="talking", call=call)

    def end(self, call: str) -> None:
        gone = self.calls.pop(call)
        queue = self.queues[gone.queue]
        if gone.agent and gone.state in ("talking", "on_hold"):
            self._agent(
                gone.agent, state="wrap_up", call=call, until=self.clock() + queue.wrap_up_s
            )
        elif gone.state in ("waiting", "offered"):
            old = self.counters[queue.slug]
            self.counters[queue.slug] = msgspec.structs.replace(
                old, in_system=old.in_system - 1, abandoned=old.abandoned + 1
            )
            if gone.agent:
                self._agent(gone.agent, state="ready", call="")
        self.refresh()

    def age(self, call: str, seconds: float) -> None:
        """Let a call have begun, and its state with it, that much earlier."""
        old = self.calls[call]
        self.calls[call] = msgspec.structs.replace(
            old, since=old.since - seconds, started=old.started - seconds
        )
        if old.agent:
            agent = self.agents[old.agent]
            self.agents[old.agent] = msgspec.structs.replace(agent, since=agent.since - seconds)
        self.refresh()

    def age_agent(self, login: str, seconds: float) -> None:
        """Let an agent's state have begun that much earlier."""
        agent = self.agents[login]
        self.agents[login] = msgspec.structs.replace(agent, since=agent.since - seconds)
        self.refresh()

    def set_counters(
        self, queue: str, offered: int, answered: int, abandoned: int, in_time: int
    ) -> None:
        """Figures of the day so far."""
        self.counters[queue] = QueueCounters(
            offered=offered,
            answered=answered,
            abandoned=abandoned,
            answered_in_time=in_time,
            short_abandoned=abandoned // 4,
            answered_wait_s=answered * 13.0,
        )

    def refresh(self) -> None:
        self.feed.show(
            self.clock(),
            queues=[self._live_queue(queue) for queue in self.queues.values()],
            agents=self.agents.values(),
            calls=self.calls.values(),
            version=self.version,
        )

    def _waiting(self, queue: str) -> list[LiveCall]:
        return [
            call
            for call in self.calls.values()
            if call.queue == queue and call.state in ("waiting", "offered")
        ]

    def _live_queue(self, queue: QueueSettings) -> LiveQueue:
        return LiveQueue(
            slug=queue.slug,
            name=queue.name,
            waiting=tuple(
                WaitingCaller(
                    call=call.call,
                    ani=call.ani,
                    name=call.name,
                    since=call.started,
                    position=place,
                    priority=self.cards[call.call].priority,
                    state=call.state,
                    ringing=(call.agent,) if call.state == "offered" else (),
                )
                for place, call in enumerate(self._waiting(queue.slug), 1)
            ),
            callers=len(self._waiting(queue.slug)),
            oldest_since=min((call.started for call in self._waiting(queue.slug)), default=0.0),
            today=self.counters[queue.slug],
            service_level_s=queue.service_level_s,
            service_level_target=queue.service_level_target,
            max_wait_s=queue.max_wait_s,
            agents=sum(agent.state != "logged_out" for agent in self.agents.values()),
            ready=sum(agent.state == "ready" for agent in self.agents.values()),
            open=not queue.unattended,
            unattended=queue.unattended,
            reserves=queue.slug in self.reserves,
            callbacks=self.callbacks.get(queue.slug, ()),
        )

    def _agent(self, login: str, **changed: Any) -> None:
        defaults: dict[str, Any] = {"reason": "", "until": 0.0, "call": ""}
        self.agents[login] = msgspec.structs.replace(
            self.agents[login], since=self.clock(), **(defaults | changed)
        )
        self.refresh()

    def _call(self, call: str, **changed: Any) -> None:
        self.calls[call] = msgspec.structs.replace(self.calls[call], since=self.clock(), **changed)
        self.refresh()


def sample_reasons(now: float) -> list[Decision]:
    """Why a call went to anna."""
    return [
        Decision(
            at=now,
            queue="sales",
            agent="anna",
            rule="longest_idle",
            candidates=(
                Candidate(agent="anna", chosen=True, score=42.0),
                Candidate(agent="bo", chosen=False, filtered_by="state"),
            ),
        )
    ]


def sample_status(now: float) -> SystemStatus:
    """A site with a process down and a port without battery."""
    return SystemStatus(
        at=now,
        version="0.1.0",
        site="demo",
        started=now - 3600,
        processes=(
            ProcessStatus(name="media", up=True, pid=101, since=now - 3600, detail="fifo 20"),
            ProcessStatus(
                name="control",
                up=True,
                pid=102,
                since=now - 3600,
                figures={"checkpoint_min": 7.0, "checkpoint_records": 420, "checkpoints": 2},
            ),
            ProcessStatus(name="speech", up=False, detail="no model for zh"),
        ),
        drivers=(
            DriverStatus(name="trunk", kind="sip", up=True, counters={"INVITE": 12, "4xx": 1}),
            DriverStatus(name="board", kind="voiceboard", up=True),
        ),
        lines=(
            LineStatus(line="trunk/1", driver="trunk", state="busy", call="06WM3RZ8Q0001"),
            LineStatus(line="trunk/2", driver="trunk", state="idle"),
            LineStatus(line="station:2001", driver="trunk", state="idle"),
            LineStatus(line="board/3", driver="board", state="down", detail="no battery"),
        ),
        warnings=(Text("The demo password is in use.", "正在使用演示密码。"),),
    )


def sample_figures(now: float) -> Figures:
    """Counts of an hour."""
    return Figures(
        at=now,
        media={"load": 0.12, "late_ticks": 4.0, "ticks": 720_000.0, "ports": 6.0, "busy_s": 43.5},
        streams={"streams": 40, "packets_in": 96_000, "packets_out": 95_900, "lost": 12, "late": 3},
        records={"rows": 400, "failures": 1, "waiting": 2},
        stations=3,
        places=1,
    )
