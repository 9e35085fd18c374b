"""HTML forms from field lists: values of a struct out, checked values of a form in.

A field's label is the catalogue key ``field.NAME`` and its explanation ``hint.NAME``;
errors are keys ``fault.NAME``. Control checks again: this is for people, not for safety.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sanic.request import RequestParameters

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NEW_SKILLS: Final = 2  # empty rows offered for skills that nobody has yet


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form."""

    name: str
    kind: str = "text"
    """text, slug, dialled, integer, number, switch, choice, choices, skills, password."""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    """Value and text; a text that is a catalogue key is translated."""
    unit: str = ""
    fixed: bool = False
    """Cannot be changed once the thing exists."""


class FormResult(msgspec.Struct, frozen=True):
    """What a form said: values by field, and faults by field."""

    values: dict[str, Any]
    faults: dict[str, str]


def read_form(form: RequestParameters | None, fields: Sequence[Field]) -> FormResult:
    """Read every field; a faulty one keeps what was typed, so that it is shown again."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    given = form or RequestParameters()
    for field in fields:
        try:
            values[field.name] = _read(given, field)
        except _Unfit as unfit:
            values[field.name] = unfit.shown
            faults[field.name] = unfit.key
    return FormResult(values, faults)


class _Unfit(Exception):
    def __init__(self, key: str, shown: object) -> None:
        super().__init__(key)
        self.key = key
        self.shown = shown


def _read(form: RequestParameters, field: Field) -> Any:
    match field.kind:
        case "switch":
            return form.get(field.name) == "on"
        case "choices":
            allowed = {value for value, _ in field.choices}
            chosen = tuple(value for value in form.getlist(field.name, []) if value in allowed)
            if field.required and not chosen:
                raise _Unfit("required", chosen)
            return chosen
        case "skills":
            return _read_skills(form, field.name)
        case "integer" | "number":
            return _read_number(str(form.get(field.name) or "").strip(), field)
    text = str(form.get(field.name) or "").strip()
    if field.kind == "password":
        return str(form.get(field.name) or "")
    if field.required and not text:
        raise _Unfit("required", text)
    if field.kind == "slug" and not SLUG.fullmatch(text):
        raise _Unfit("slug", text)
    if field.kind == "dialled" and not re.fullmatch(r"\+?[0-9A-Za-z]*\*?", text):
        raise _Unfit("dialled", text)
    if field.kind == "choice" and text not in {value for value, _ in field.choices}:
        raise _Unfit("choice", text)
    if len(text) > 120:
        raise _Unfit("too-long", text)
    return text


def _read_number(text: str, field: Field) -> float | int:
    try:
        value = int(text) if field.kind == "integer" else float(text.replace(",", "."))
    except ValueError:
        raise _Unfit("number", text) from None
    if field.minimum is not None and not value >= field.minimum:
        raise _Unfit("too-small", text)
    if field.maximum is not None and not value <= field.maximum:
        raise _Unfit("too-great", text)
    return value


def _read_skills(form: RequestParameters, name: str) -> dict[str, int]:
    """``NAME.level.SKILL`` for known skills, ``NAME.new.N`` with ``NAME.new_level.N`` for others.

    Names carry the pairs, because empty fields do not arrive. A skill without level is left out.
    """
    given: dict[str, str] = {}
    for key, values in form.items():
        if key.startswith(f"{name}.level."):
            given[key.removeprefix(f"{name}.level.")] = values[0].strip()
        elif key.startswith(f"{name}.new."):
            place = key.removeprefix(f"{name}.new.")
            given[values[0].strip()] = str(form.get(f"{name}.new_level.{place}") or "").strip()
    skills = {skill: level for skill, level in given.items() if skill and level not in ("", "0")}
    for skill, level in skills.items():
        if not SLUG.fullmatch(skill):
            raise _Unfit("slug", skills)
        if not level.isdigit() or not 1 <= int(level) <= 10:
            raise _Unfit("level", skills)
    return {skill: int(level) for skill, level in skills.items()}


def skill_rows(value: Mapping[str, object], known: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of a skills field: every known skill with its level, then empty ones."""
    names = sorted({*known, *value})
    rows = [(name, str(value.get(name, ""))) for name in names]
    return rows + [("", "")] * NEW_SKILLS
