"""Every family of figures that ``/metrics`` tells, made of what the facade knows."""

from collections import Counter
from collections.abc import Mapping

from admin.metrics.exposition import Family, Sample, fit
from admin.metrics.sip import driver_families
from daemon.service.figures import Figures
from daemon.service.live import LiveQueue, LiveState
from daemon.service.messages import SystemStatus

MEDIA_NOW = frozenset(
    {
        "ports",
        "load",
        "cached_bytes",
        "cached_prompts",
        "mapped_bytes",
        "mapped_prompts",
        "resting_ports",
    }
)
RECORDS_NOW = frozenset({"waiting"})
OUTCOMES = (
    "answered",
    "abandoned",
    "overflowed",
    "timed_out",
    "refused",
    "voicemail",
    "callback_taken",
    "transferred_out",
)
AGENT_STATES = (
    "logged_out",
    "ready",
    "reserved",
    "ringing",
    "talking",
    "on_hold",
    "wrap_up",
    "paused",
    "busy",
    "unreachable",
)
ALARMS = ("disk-full", "disk-failed", "disk-slow", "overload")
CALL_STATES = ("ringing", "ivr", "waiting", "offered", "talking", "on_hold")


def up_family(*, up: bool) -> Family:
    """Whether control answers; the only family while it does not."""
    text = "Whether the console hears from the control process."
    return Family("hookflash_up", "gauge", text, (Sample(up),))


def families(status: SystemStatus, live: LiveState, figures: Figures) -> list[Family]:
    """All families, in the order in which they are written."""
    return [
        up_family(up=True),
        *_hotline(status, figures),
        _alarms(live),
        *_floor(live),
        *_queues(live.queues),
        *driver_families(status.drivers),
        *_lines(status),
        *_media(figures),
        *_records(figures.records),
        *_journal(status),
    ]


def _gauge(name: str, text: str, *samples: Sample) -> Family:
    return Family(f"hookflash_{name}", "gauge", text, samples)


def _hotline(status: SystemStatus, figures: Figures) -> list[Family]:
    version = Sample(1, {"version": status.version, "site": status.site})
    processes = (Sample(process.up, {"process": process.name}) for process in status.processes)
    since = (
        Sample(process.since, {"process": process.name})
        for process in status.processes
        if process.since
    )
    return [
        _gauge("build_info", "The version that runs.", version),
        _gauge("process_up", "Whether a process of the hotline runs.", *processes),
        _gauge("process_start_time_seconds", "When a process started, Unix time.", *since),
        _gauge("draining", "1 while new calls are refused.", Sample(status.draining)),
        _gauge("warnings", "Warnings on the system page.", Sample(len(status.warnings))),
        _gauge("stations_reachable", "Telephones that can be rung.", Sample(figures.stations)),
        _gauge("places_kept", "Callers who are to be called back.", Sample(figures.places)),
    ]


def _floor(live: LiveState) -> list[Family]:
    calls = Counter(dict.fromkeys(CALL_STATES, 0))
    calls.update(call.state for call in live.calls)
    agents = Counter(dict.fromkeys(AGENT_STATES, 0))
    agents.update(agent.state for agent in live.agents)
    return [
        _gauge(
            "calls",
            "Calls in progress by state.",
            *(Sample(count, {"state": state}) for state, count in calls.items()),
        ),
        _gauge(
            "agents",
            "People who may take calls, by state.",
            *(Sample(count, {"state": state}) for state, count in agents.items()),
        ),
    ]


def _alarms(live: LiveState) -> Family:
    standing = {alarm.kind for alarm in live.alarms}
    samples = (Sample(kind in standing, {"alarm": kind}) for kind in ALARMS)
    return _gauge("alarm", "1 while something is wrong, by what it is.", *samples)


def _queues(queues: tuple[LiveQueue, ...]) -> list[Family]:
    def each(name: str, text: str, values: Mapping[str, float]) -> Family:
        return _gauge(name, text, *(Sample(v, {"queue": slug}) for slug, v in values.items()))

    return [
        each("queue_waiting", "Callers who wait.", {q.slug: q.callers for q in queues}),
        each(
            "queue_oldest_since_seconds",
            "Since when the caller waits who waits longest, Unix time; 0 when nobody does.",
            {q.slug: q.oldest_since for q in queues},
        ),
        each(
            "queue_agents", "Agents logged in with the skills.", {q.slug: q.agents for q in queues}
        ),
        each("queue_agents_ready", "Those who are ready.", {q.slug: q.ready for q in queues}),
        each("queue_open", "1 while callers are let in.", {q.slug: q.open for q in queues}),
        each(
            "queue_today_offered",
            "Visits since local midnight.",
            {q.slug: q.today.offered for q in queues},
        ),
        _gauge(
            "queue_today",
            "Visits since local midnight by how they ended.",
            *(
                Sample(getattr(q.today, outcome), {"queue": q.slug, "outcome": outcome})
                for q in queues
                for outcome in OUTCOMES
            ),
        ),
        each(
            "queue_service_level_ratio",
            "Share of visits answered in time today, 0 to 1.",
            {q.slug: level for q in queues if (level := q.today.service_level()) is not None},
        ),
    ]


def _lines(status: SystemStatus) -> list[Family]:
    found = Counter((line.driver, line.state) for line in status.lines)
    samples = (
        Sample(count, {"driver": driver, "state": state})
        for (driver, state), count in sorted(found.items())
    )
    return [_gauge("lines", "Lines by driver and state.", *samples)]


def _media(figures: Figures) -> list[Family]:
    made = [_gauge("media_up", "Whether the media engine answers.", Sample(bool(figures.media)))]
    for name, value in figures.media.items():
        text = f"The media engine's {name}."
        if name in MEDIA_NOW or "worst" in name or name.startswith("phase"):
            made.append(_gauge(f"media_{fit(name)}", text, Sample(value)))
        else:
            made.append(
                Family(f"hookflash_media_{fit(name)}_total", "counter", text, (Sample(value),))
            )
    for name, count in figures.streams.items():
        text = f"Over all RTP streams that ended: {name.replace('_', ' ')}."
        made.append(Family(f"hookflash_rtp_{fit(name)}_total", "counter", text, (Sample(count),)))
    return made


def _records(counts: Mapping[str, int]) -> list[Family]:
    return [
        _gauge(f"records_{name}", "Rows that wait to be written.", Sample(count))
        if name in RECORDS_NOW
        else Family(
            f"hookflash_records_{fit(name)}_total",
            "counter",
            f"The writer of records: {name}.",
            (Sample(count),),
        )
        for name, count in counts.items()
    ]


def _journal(status: SystemStatus) -> list[Family]:
    told = {each.name: each.figures for each in status.processes}.get("control", {})
    gauges = (
        ("checkpoint_min", "checkpoint_age_minutes", "Minutes since the last checkpoint."),
        ("checkpoint_records", "records_to_read", "Records that a start would read now."),
    )
    counters = (
        ("checkpoints", "checkpoints", "Checkpoints that were written."),
        ("checkpoints_failed", "checkpoint_failures", "Checkpoints that could not be written."),
    )
    return [
        *(
            _gauge(f"journal_{name}", text, Sample(told[key]))
            for key, name, text in gauges
            if key in told
        ),
        *(
            Family(f"hookflash_journal_{name}_total", "counter", text, (Sample(told[key]),))
            for key, name, text in counters
            if key in told
        ),
    ]
