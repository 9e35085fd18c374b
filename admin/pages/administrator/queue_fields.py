"""The form of a queue: every setting, in the order in which people think of them."""

from acd_core.routing.registry import strategies
from admin.context import ConsoleRequest
from admin.forms import Field
from admin.language import rule_text

CALL_RULES = (
    "priority",
    "aging",
    "greatest_need",
    "service_objective",
    "service_guard",
    "percent",
    "weighted",
)
ABSENT_STATES = ("paused", "wrap_up", "busy", "ringing", "reserved", "talking", "on_hold")
MEDIA = ("call", "chat", "mail")
DAY_S = 86_400


async def queue_fields(request: ConsoleRequest) -> tuple[Field, ...]:
    """All fields, with what there is to choose from now."""
    service, language = request.console.service, request.ctx.language
    rules = tuple((name, rule_text(name, language).capitalize()) for name in strategies())
    flows = await service.list_flows()
    flow_choices = (("", "form.hang_up"), *((flow.name, flow.name) for flow in flows))
    prompts = tuple((prompt.name, prompt.name) for prompt in await service.list_prompts())
    queues = await service.list_queues()
    people = await service.list_people()
    agents = tuple((one.login, one.name) for one in people if "agent" in one.roles)
    calendars = tuple((entry.name, entry.name) for entry in await service.list_calendars())
    own = request.match_info.get("key", "")
    others = tuple((one.slug, one.name or one.slug) for one in queues if one.slug != own)
    music = _with_present(prompts, {one.music for one in queues})
    said = {one.announcements.prompt for one in queues if one.announcements is not None}
    return (
        *_identity(),
        *_demands(),
        *_choice_of_agent(rules, agents),
        *_order(),
        *_ringing(),
        *_limits(flow_choices),
        *_opening((("", "form.always_open"), *calendars)),
        *_overflow(others),
        *_waiting((("", "form.ringback"), *music), _with_present(prompts, said)),
        *_callback(),
        *_figures(),
    )


def _with_present(
    prompts: tuple[tuple[str, str], ...], present: set[str]
) -> tuple[tuple[str, str], ...]:
    """Prompts to choose from, with those that queues name although they are not there."""
    known = {name for name, _ in prompts}
    return (*prompts, *((name, name) for name in sorted(present - known - {""})))


def _seconds(name: str, group: str = "", *, least: float = 0, most: float = DAY_S) -> Field:
    return Field(name=name, kind="number", group=group, minimum=least, maximum=most, unit="s")


def _identity() -> tuple[Field, ...]:
    group = "name"
    return (
        Field(name="slug", kind="slug", group=group, required=True, fixed=True),
        Field(name="name", group=group, required=True),
        Field(name="enabled", kind="switch", group=group),
        Field(
            name="medium",
            kind="choice",
            group=group,
            choices=tuple((medium, f"medium.{medium}") for medium in MEDIA),
        ),
    )


def _demands() -> tuple[Field, ...]:
    group = "who"
    steps = (
        Field(name="after_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=30),
        Field(name="skill_expression", kind="expression"),
        Field(name="when_nobody", kind="switch", blank=False),
    )
    return (
        Field(name="skills", kind="skills", group=group),
        Field(name="skill_expression", kind="expression", group=group),
        Field(name="widening", kind="rows", group=group, parts=steps),
        Field(name="reserve_below", kind="percent", group=group, minimum=0, maximum=100, unit="%"),
        _seconds("reserve_over_s", group),
    )


def _choice_of_agent(
    rules: tuple[tuple[str, str], ...], agents: tuple[tuple[str, str], ...]
) -> tuple[Field, ...]:
    group = "agent_choice"
    return (
        Field(name="strategy", kind="choice", group=group, choices=rules),
        _seconds("ring_step_s", group, least=1, most=600),
        Field(name="shares", kind="amounts", group=group, choices=agents, minimum=1, maximum=1000),
        Field(name="seed", kind="integer", group=group, minimum=0, maximum=2**31 - 1),
        _seconds("last_agent_s", group),
    )


def _order() -> tuple[Field, ...]:
    group = "order"
    return (
        Field(name="priority", kind="integer", group=group, minimum=-10, maximum=10),
        Field(
            name="call_rule",
            kind="choice",
            group=group,
            choices=tuple((rule, f"call_rule.{rule}") for rule in CALL_RULES),
        ),
        _seconds("aging_s", group),
        Field(name="call_share", kind="integer", group=group, minimum=0, maximum=1000),
        Field(name="weight", kind="number", group=group, minimum=0.001, maximum=1000),
    )


def _ringing() -> tuple[Field, ...]:
    group = "ringing"
    return (
        _seconds("ring_s", group, least=1, most=600),
        _seconds("wrap_up_s", group),
        Field(name="misses_to_pause", kind="integer", group=group, minimum=0, maximum=1_000_000),
    )


def _limits(flows: tuple[tuple[str, str], ...]) -> tuple[Field, ...]:
    group = "limits"
    return (
        _seconds("max_wait_s", group),
        Field(name="on_timeout", kind="choice", group=group, choices=flows),
        Field(name="max_waiting", kind="integer", group=group, minimum=0, maximum=1_000_000),
        _seconds("max_estimate_s", group),
        Field(name="max_ratio", kind="number", group=group, minimum=0, maximum=1000),
        Field(
            name="no_agents",
            kind="choice",
            group=group,
            choices=tuple((name, f"no_agents.{name}") for name in ("wait", "refuse", "leave")),
        ),
        Field(
            name="absent",
            kind="choices",
            group=group,
            choices=tuple((state, f"state.{state}") for state in ABSENT_STATES),
        ),
        Field(name="on_full", kind="choice", group=group, choices=flows),
    )


def _opening(calendars: tuple[tuple[str, str], ...]) -> tuple[Field, ...]:
    group = "opening"
    return (
        Field(name="calendar", kind="choice", group=group, choices=calendars),
        Field(
            name="closing",
            kind="choice",
            group=group,
            choices=tuple((name, f"closing.{name}") for name in ("serve", "leave")),
        ),
        Field(name="unattended", kind="switch", group=group),
    )


def _overflow(others: tuple[tuple[str, str], ...]) -> tuple[Field, ...]:
    group = "overflow"
    parts = (
        Field(name="to", kind="choices", choices=others, required=True, blank=()),
        _optional_seconds("after_s"),
        _optional_seconds("improve_s"),
        Field(name="when_refused", kind="switch", blank=False),
        Field(name="when_nobody", kind="switch", blank=False),
    )
    return (
        Field(name="overflow", kind="rows", group=group, parts=parts),
        Field(name="max_overflows", kind="integer", group=group, minimum=0, maximum=10),
    )


def _optional_seconds(name: str) -> Field:
    return Field(name=name, kind="number", optional=True, minimum=0, maximum=DAY_S, unit="s")


def _waiting(
    music: tuple[tuple[str, str], ...], prompts: tuple[tuple[str, str], ...]
) -> tuple[Field, ...]:
    group = "waiting"
    parts = (
        Field(name="first_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=10),
        Field(name="every_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=60),
        Field(name="min_gap_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=15),
        Field(name="position", kind="switch", blank=True),
        Field(name="most_position", kind="integer", minimum=0, maximum=10_000, blank=0),
        Field(name="on_progress", kind="switch", blank=False),
        Field(name="estimate", kind="switch", blank=True),
        Field(name="prompt", kind="choice", choices=(("", "form.no_prompt"), *prompts)),
    )
    return (
        Field(name="music", kind="choice", group=group, choices=music),
        Field(name="announcements", kind="options", group=group, parts=parts),
    )


def _callback() -> tuple[Field, ...]:
    parts = (
        Field(name="dial_ahead_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=30),
        Field(name="ring_s", kind="number", minimum=5, maximum=600, unit="s", blank=30),
        Field(name="retry_s", kind="number", minimum=1, maximum=DAY_S, unit="s", blank=300),
        Field(name="grace_s", kind="number", minimum=0, maximum=DAY_S, unit="s", blank=600),
        Field(name="most_waiting", kind="integer", minimum=1, maximum=100_000, blank=100),
        Field(
            name="longest_s", kind="number", minimum=60, maximum=7 * DAY_S, unit="s", blank=14_400
        ),
    )
    return (Field(name="callback", kind="options", group="callback", parts=parts),)


def _figures() -> tuple[Field, ...]:
    group = "figures"
    return (
        _seconds("service_level_s", group, least=1),
        Field(
            name="service_level_target",
            kind="percent",
            group=group,
            minimum=0,
            maximum=100,
            unit="%",
        ),
        _seconds("short_abandon_s", group),
        Field(name="record", kind="switch", group=group),
        Field(name="record_tone_s", kind="number", group=group, minimum=0, maximum=3600, unit="s"),
    )
