"""``people.toml``: who works here, at which stations, with which skills."""

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from daemon.language import pick
from daemon.site_files.toml_table import TomlFile

FILE: Final = "people.toml"
SLUG: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Slug = Annotated[str, msgspec.Meta(pattern=SLUG)]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
RoleName = Literal["agent", "supervisor", "administrator", "technician"]
Hex32 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?$")]
Hex64 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[people]]``: one person who may log in."""

    login: Slug
    name: str = ""
    roles: tuple[RoleName, ...] = ("agent",)
    language: Literal["en", "zh"] = "en"
    password_hash: str = ""
    """Argon2; empty: nobody can log in until an administrator sets a password."""
    must_change_password: bool = False
    """The password is a one-time one."""
    station: str = ""
    """Agents: where the person usually sits."""
    skills: dict[Slug, Level] = {}
    """Agents: skill -> level, 1 to 10, 10 best."""
    enabled: bool = True


class StationEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[stations]]``: one phone at which an agent can sit."""

    name: Slug
    line: str = ""
    """Line of a board's station port; empty: a SIP phone that registers."""
    secret: str = ""
    """Password of the phone; only its digests are stored in the database."""
    realm: str = ""
    """Realm of the digests; empty: that of the SIP driver."""
    ha1_md5: Hex32 = ""
    """MD5 of name:realm:secret in hex, instead of ``secret`` (RFC 7616 3.4.2)."""
    ha1_sha256: Hex64 = ""

    def digests(self, default_realm: str) -> tuple[str, str, str]:
        """Realm and the HA1 in MD5 and SHA-256; empty digests for a board station."""
        realm = self.realm or default_realm
        if not self.secret:
            return realm, self.ha1_md5, self.ha1_sha256
        text = f"{self.name}:{realm}:{self.secret}".encode()
        md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
        return realm, md5, hashlib.sha256(text).hexdigest()


class SkillEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[skills]]``: a skill's full name; skills that people have need no entry."""

    name: Slug
    title: str = ""


class PauseReasonEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[pause_reasons]]``: a reason that agents may give for a pause."""

    slug: Slug
    en: str
    zh: str = ""


class PeopleFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``people.toml``."""

    people: tuple[Person, ...] = ()
    stations: tuple[StationEntry, ...] = ()
    skills: tuple[SkillEntry, ...] = ()
    pause_reasons: tuple[PauseReasonEntry, ...] = ()

    def skill_names(self) -> set[str]:
        """Every skill that is declared or that somebody has."""
        names = {skill.name for skill in self.skills}
        return names.union(*(person.skills for person in self.people))


def read_people(toml: TomlFile) -> PeopleFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), PeopleFile)
    if found is None:
        return None
    before = len(toml.faults)
    toml.repeated("people", "login")
    toml.repeated("stations", "name")
    toml.repeated("skills", "name")
    toml.repeated("pause_reasons", "slug")
    stations = {station.name for station in found.stations}
    for index, person in enumerate(found.people):
        if person.station and person.station not in stations:
            toml.unknown_name(("people", index, "station"), person.station, stations)
        if person.password_hash and not person.password_hash.startswith("$argon2"):
            toml.fault(
                ("people", index, "password_hash"),
                pick("is not an argon2 hash", "不是 argon2 哈希"),
                pick("passwords are never written in plain text", "密码不能用明文书写"),
            )
    for index, station in enumerate(found.stations):
        if not (station.line or station.secret or station.ha1_md5 or station.ha1_sha256):
            toml.fault(
                ("stations", index, "secret"),
                pick(
                    "is missing: everybody could register as this station",
                    "缺少：任何人都能注册为此分机",
                ),
                pick("set secret, or line for a board port", "请设 secret，板卡端口则设 line"),
            )
    return found if len(toml.faults) == before else None
