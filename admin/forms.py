"""HTML forms from field lists: values of a struct out, checked values of a form in.

A field's label is the catalogue key ``field.NAME`` and its explanation ``hint.NAME``;
errors are keys ``fault.NAME``. Control checks again: this is for people, not for safety.
Fields inside a field (rows, options) are named ``OUTER.3.INNER`` and ``OUTER.INNER``.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from sanic.request import RequestParameters

from acd_core.routing.skill_expression import ExpressionFault, parse

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
DIALLED: Final = re.compile(r"(?=.)\+?[0-9A-Za-z._-]*\*?")
INTERVAL: Final = re.compile(r"\d\d:\d\d-\d\d:\d\d")
NEW_SKILLS: Final = 2  # empty rows offered for skills that nobody has yet
MOST_ROWS: Final = 400
LONGEST: Final = {"expression": 1000, "text": 120}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form."""

    name: str
    kind: str = "text"
    """One value: text, slug, dialled, integer, number, percent, switch, choice, password,
    expression, intervals, date. Several: choices, skills, amounts (choice -> number), ordered,
    lines. Fields inside: rows, parts, and options (parts that may be off)."""
    group: str = ""
    """Section of the form: heading ``group.NAME``, explanation ``group_hint.NAME``."""
    required: bool = False
    optional: bool = False
    """A number that may be left empty, which means 0."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    """Value and text; a text that is a catalogue key is translated."""
    unit: str = ""
    fixed: bool = False
    """Cannot be changed once the thing exists."""
    parts: "tuple[Field, ...]" = ()
    beside: str = ""
    """Shown as a column of another field: a box for each of its skills."""
    blank: Any = ""
    """What an added row begins with."""


class FormResult(msgspec.Struct, frozen=True):
    """What a form said: values by field, and faults by path."""

    values: dict[str, Any]
    faults: dict[str, str]


def read_form(form: RequestParameters | None, fields: Sequence[Field]) -> FormResult:
    """Read every field; a faulty one keeps what was typed, so that it is shown again."""
    faults: dict[str, str] = {}
    values = _read_fields(form or RequestParameters(), fields, "", faults)
    return FormResult(values, faults)


def edit_rows(values: Mapping[str, Any], fields: Sequence[Field], order: str) -> dict[str, Any]:
    """Values with a row more (``add:NAME``) or less (``drop:NAME.2``); others leave them."""
    verb, _, path = order.partition(":")
    name, _, place = path.partition(".")
    found = next((one for one in fields if one.name == name and one.kind == "rows"), None)
    rows = list(values.get(name) or ())
    if found is not None and verb == "add" and len(rows) < MOST_ROWS:
        rows.append({part.name: part.blank for part in found.parts})
    elif found is not None and verb == "drop" and place.isdigit() and int(place) < len(rows):
        del rows[int(place)]
    else:
        return dict(values)
    return {**values, name: rows}


class _Unfit(Exception):
    def __init__(self, key: str, shown: object) -> None:
        super().__init__(key)
        self.key = key
        self.shown = shown


def _read_fields(
    form: RequestParameters, fields: Sequence[Field], prefix: str, faults: dict[str, str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        path = prefix + field.name
        try:
            values[field.name] = _read(form, field, path, faults)
        except _Unfit as unfit:
            values[field.name] = unfit.shown
            faults[path] = unfit.key
    return values


def _read(form: RequestParameters, field: Field, path: str, faults: dict[str, str]) -> Any:
    match field.kind:
        case "rows":
            return _read_rows(form, field, path, faults)
        case "parts":
            return _read_fields(form, field.parts, f"{path}.", faults)
        case "options":
            if form.get(f"{path}.on") != "on":
                return None
            return _read_fields(form, field.parts, f"{path}.", faults)
        case "switch":
            return form.get(path) == "on"
        case "choices" | "ordered":
            return _read_several(form, field, path)
        case "skills":
            return _read_skills(form, path)
        case "amounts":
            return _read_amounts(form, field, path)
        case "integer" | "number" | "percent":
            return _read_number(str(form.get(path) or "").strip(), field)
    text = str(form.get(path) or "")
    return text if field.kind == "password" else _read_text(text.strip(), field)


def _read_text(text: str, field: Field) -> Any:
    """A value that is one text, or a list written as one."""
    if field.required and not text:
        raise _Unfit("required", text)
    match field.kind:
        case "slug" if not SLUG.fullmatch(text):
            raise _Unfit("slug", text)
        case "dialled" if not re.fullmatch(r"\+?[0-9A-Za-z]*\*?", text):
            raise _Unfit("dialled", text)
        case "choice" if text not in {value for value, _ in field.choices}:
            raise _Unfit("choice", text)
        case "expression":
            try:
                parse(text)
            except ExpressionFault as fault:
                raise _Unfit("expression", text) from fault
        case "date":
            return _read_date(text)
        case "lines":
            return _read_list(text, DIALLED, "dialled")
        case "intervals":
            return _read_list(text, INTERVAL, "interval")
    if len(text) > LONGEST.get(field.kind, LONGEST["text"]):
        raise _Unfit("too-long", text)
    return text


def _read_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _Unfit("date", text) from None


def _read_list(text: str, form: re.Pattern[str], fault: str) -> tuple[str, ...]:
    """Items between commas, spaces or line ends, each once."""
    items = (
        tuple(dict.fromkeys(re.split(r"[\s,;\uff0c\u3001\uff1b]+", text.strip()))) if text else ()
    )
    if not all(form.fullmatch(item) for item in items):
        raise _Unfit(fault, text)
    return items


def _read_several(form: RequestParameters, field: Field, path: str) -> tuple[str, ...]:
    """Boxes that are ticked, or for ``ordered`` the choices at ``PATH.0``, ``PATH.1`` ..."""
    allowed = {value for value, _ in field.choices}
    if field.kind == "ordered":
        places = sorted(_places(form, f"{path}."))
        given = [str(form.get(f"{path}.{place}") or "") for place in places]
    else:
        given = form.getlist(path, [])
    chosen = tuple(dict.fromkeys(value for value in given if value in allowed))
    if field.required and not chosen:
        raise _Unfit("required", chosen)
    return chosen


def _places(form: RequestParameters, prefix: str) -> set[int]:
    """Numbers of the rows that came, whatever their fields."""
    found = (key.removeprefix(prefix).partition(".")[0] for key in form if key.startswith(prefix))
    return {int(place) for place in found if place.isascii() and place.isdigit()}


def _read_rows(
    form: RequestParameters, field: Field, path: str, faults: dict[str, str]
) -> list[dict[str, Any]]:
    """Rows in their order; those in which nothing is filled in are left out."""
    rows: list[dict[str, Any]] = []
    for place in sorted(_places(form, f"{path}."))[:MOST_ROWS]:
        row = f"{path}.{place}."
        filled = [
            part for part in field.parts if part.kind != "switch" and form.get(row + part.name)
        ]
        if not filled:
            continue
        own: dict[str, str] = {}
        rows.append(_read_fields(form, field.parts, row, own))
        # Rows are numbered anew when they are shown again.
        shown = f"{path}.{len(rows) - 1}."
        faults |= {shown + key.removeprefix(row): fault for key, fault in own.items()}
    return rows


def _read_amounts(form: RequestParameters, field: Field, path: str) -> dict[str, int]:
    """``PATH.amount.KEY`` for each choice; an empty one is left out."""
    texts = {key: str(form.get(f"{path}.amount.{key}") or "").strip() for key, _ in field.choices}
    given = {key: text for key, text in texts.items() if text}
    try:
        return {key: int(_read_number(text, field, whole=True)) for key, text in given.items()}
    except _Unfit as unfit:
        raise _Unfit(unfit.key, given) from unfit


def _read_number(text: str, field: Field, *, whole: bool = False) -> float | int:
    whole = whole or field.kind == "integer"
    if not text and field.optional:
        return 0
    try:
        value = int(text) if whole else float(text.replace(",", "."))
    except ValueError:
        raise _Unfit("number", text) from None
    if field.minimum is not None and not value >= field.minimum:
        raise _Unfit("too-small", text)
    if field.maximum is not None and not value <= field.maximum:
        raise _Unfit("too-great", text)
    return value / 100 if field.kind == "percent" else value


def _read_skills(form: RequestParameters, name: str) -> dict[str, int]:
    """``NAME.level.SKILL`` for known skills, ``NAME.new.N`` with ``NAME.new_level.N`` for others.

    Names carry the pairs, because empty fields do not arrive. A skill without level is left out.
    """
    given: dict[str, str] = {}
    new: set[str] = set()
    for key, values in form.items():
        if key.startswith(f"{name}.level."):
            given[key.removeprefix(f"{name}.level.")] = values[0].strip()
        elif key.startswith(f"{name}.new."):
            place = key.removeprefix(f"{name}.new.")
            new.add(values[0].strip())
            given[values[0].strip()] = str(form.get(f"{name}.new_level.{place}") or "").strip()
    skills = {skill: level for skill, level in given.items() if skill and level not in ("", "0")}
    for skill, level in skills.items():
        if skill in new and not SLUG.fullmatch(skill):
            raise _Unfit("slug", skills)
        if not level.isdigit() or not 1 <= int(level) <= 10:
            raise _Unfit("level", skills)
    return {skill: int(level) for skill, level in skills.items()}


def skill_rows(value: Mapping[str, object], known: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of a skills field: every known skill with its level, then empty ones."""
    names = sorted({*known, *value})
    rows = [(name, str(value.get(name, ""))) for name in names]
    return rows + [("", "")] * NEW_SKILLS
