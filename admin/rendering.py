"""Jinja templates with what every page knows: texts, times, numbers, navigation."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sanic import HTTPResponse
from sanic.response import html

from admin.context import ConsoleRequest
from admin.language import LANGUAGES, has_text, process_text, rule_text, translator
from daemon.service.live import LiveAlarm

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"


class NavigationEntry(msgspec.Struct, frozen=True):
    """A page in the side bar."""

    key: str
    path: str
    roles: tuple[str, ...]
    icon: str


_WATCH: Final = ("supervisor", "administrator")
_SET_UP: Final = ("administrator",)
_WIRE: Final = ("technician", "administrator")
NAVIGATION: Final = {
    "work": (
        NavigationEntry("desk", "/desk", ("agent",), "headset"),
        NavigationEntry("live", "/live", _WATCH, "pulse"),
        NavigationEntry("calls", "/calls", ("agent", *_WATCH), "list"),
        NavigationEntry("faxes", "/faxes", ("agent", *_WATCH), "fax"),
    ),
    "set_up": (
        NavigationEntry("agents", "/agents", _WATCH, "people"),
        NavigationEntry("queues", "/queues", _WATCH, "stack"),
        NavigationEntry("tiers", "/tiers", _SET_UP, "star"),
        NavigationEntry("numbers", "/numbers", _SET_UP, "hash"),
        NavigationEntry("calendars", "/calendars", _SET_UP, "calendar"),
        NavigationEntry("stations", "/stations", _WIRE, "phone"),
        NavigationEntry("reasons", "/pause-reasons", _SET_UP, "pause"),
        NavigationEntry("prompts", "/prompts", _SET_UP, "speaker"),
        NavigationEntry("changes", "/changes", _SET_UP, "history"),
    ),
    "system": (
        NavigationEntry("lines", "/lines", _WIRE, "plug"),
        NavigationEntry("signalling", "/signalling", _WIRE, "ladder"),
        NavigationEntry("bans", "/bans", _WIRE, "shield"),
        NavigationEntry("system", "/system", _WIRE, "gauge"),
    ),
}


def home_of(roles: frozenset[str]) -> str:
    """The first page that a person's roles open."""
    for wanted, path in (("supervisor", "/live"), ("administrator", "/live"), ("agent", "/desk")):
        if wanted in roles:
            return path
    return "/lines"


def navigation_for(roles: frozenset[str]) -> dict[str, list[NavigationEntry]]:
    """The side bar of a person: sections with at least one page."""
    shown = {
        section: [entry for entry in entries if roles & set(entry.roles)]
        for section, entries in NAVIGATION.items()
    }
    return {section: entries for section, entries in shown.items() if entries}


@cache
def static_url(name: str) -> str:
    """Address of a static file, with a mark of its content so that it may be kept for ever.

    Our own modules have no mark: they import each other, and a module under two addresses
    would run twice. Browsers ask whether they changed.
    """
    if name.endswith(".js") and "/" not in name:
        return f"/static/{name}"
    mark = sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={mark}"


def clock_text(seconds: float | None) -> str:
    """A duration as people read it on a wallboard: 0:07, 12:40, 1:02:03."""
    if seconds is None:
        return "—"
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def percent_text(share: float | None, target: float | None = None) -> str:
    """A share as per cent; a dash when there is nothing to divide by.

    A share that misses its ``target`` by less than the rounding shows a tenth.
    """
    if share is None:
        return "—"
    whole = f"{share * 100:.0f} %"
    if target is None or share >= target or whole != f"{target * 100:.0f} %":
        return whole
    return f"{min(share * 100, target * 100 - 0.1):.1f} %"


def zone_mark(zone: ZoneInfo, at: float) -> str:
    """How the zone is called then, with its offset where the name is not one: ``CST +08:00``."""
    local = datetime.fromtimestamp(at, zone)
    name = local.strftime("%Z")
    offset = local.strftime("%z")
    offset = f"{offset[:3]}:{offset[3:]}"
    return "UTC" if name == "UTC" else offset if name[:1] in "+-" else f"{name} {offset}"


ALARMED: Final = frozenset({"supervisor", "technician", "administrator"})
"""Who sees on every page what is wrong with the hotline."""
STAYS_OPEN: Final = ("/live", "/system", "/lines", "/alarms")
"""Pages that people leave open: what is wrong is asked for again there."""


@cache
def environment() -> Environment:
    """The templates; autoescape is on for every file."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clock": clock_text, "percent": percent_text}
    made.globals |= {
        "static": static_url,
        "has_text": has_text,
        "rule_text": rule_text,
        "process_text": process_text,
        "languages": LANGUAGES,
    }
    return made


@cache
def _template(name: str) -> Template:
    return environment().get_template(name)


def times(zone: ZoneInfo, now: float) -> dict[str, Any]:
    """Functions that show moments (seconds since 1970) in the site's zone."""

    def local(at: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        return "—" if at is None else datetime.fromtimestamp(at, zone).strftime(form)

    def iso(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")

    return {"local": local, "iso": iso, "zone_mark": zone_mark(zone, now), "now": now}


def fragment(
    name: str, *, language: str, zone: ZoneInfo, now: float, values: Mapping[str, object]
) -> str:
    """A template outside a page, for live parts; knows texts and times, not the person."""
    return _template(name).render(
        t=translator(language), language=language, **times(zone, now), **values
    )


def alarms_mark(alarms: tuple[LiveAlarm, ...]) -> str:
    """What a page that stays open has shown; another mark is news."""
    return f"{crc32(msgspec.json.encode(alarms)):08x}"


async def page(
    request: ConsoleRequest, template: str, *, status: int = 200, **values: object
) -> HTTPResponse:
    """Render a template for the person who asks."""
    context = request.ctx
    options = request.console.options
    person = context.person
    text = _template(template).render(
        t=translator(context.language),
        language=context.language,
        theme=context.theme,
        csrf=context.csrf,
        person=person,
        roles=request.roles,
        path=request.path,
        site=options.name,
        navigation=navigation_for(request.roles) if person else {},
        alarms=request.console.hub.alarms if request.roles & ALARMED else None,
        alarms_mark=alarms_mark(request.console.hub.alarms),
        watched=request.path in STAYS_OPEN,
        partial="hx-request" in request.headers and "hx-boosted" not in request.headers,
        **times(options.zone, request.console.clock()),
        **values,
    )
    return html(text, status=status, headers={"Vary": "HX-Request"})
