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
MediumName = Literal["call", "chat", "mail"]
Capacity = Annotated[int, msgspec.Meta(ge=0, le=100)]
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
    reserve: tuple[Slug, ...] = ()
    """Agents: skills lent only while a queue's service is below its limit."""
    queues: tuple[Slug, ...] = ()
    """Agents: queues whose calls come first to them, in this order."""
    only_queues: bool = False
    """Agents: no other queues than those."""
    capacity: dict[MediumName, Capacity] = {}
    """Agents: contacts of a medium at a time; without it one call and nothing else."""
    interruptible: tuple[MediumName, ...] = ()
    """Agents: media in spite of which, while they have some, calls are offered to them."""
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
    pin_hash: str = ""
    """Argon2 of the PIN that opens its mailbox by telephone, as exported."""

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
        _check_work(toml, index, person)
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


def _check_work(toml: TomlFile, index: int, person: Person) -> None:
    """Faults in what an agent is to do."""
    for skill in person.reserve:
        if skill not in person.skills:
            toml.unknown_name(("people", index, "reserve"), skill, person.skills)
    if person.only_queues and not person.queues:
        toml.fault(
            ("people", index, "only_queues"),
            pick("leaves no queue at all", "这样就没有任何队列"),
            pick('add queues = ["queue"]', '请添加 queues = ["queue"]'),
        )
    if person.capacity.get("call", 1) > 1:
        toml.fault(
            ("people", index, "capacity"),
            pick("an agent has one call at a time", "座席同一时间只能有一个通话"),
            pick("write call = 1, or 0 for none", "请写 call = 1，不接电话写 0"),
        )
    if "call" in person.interruptible:
        toml.fault(
            ("people", index, "interruptible"),
            pick("calls cannot be interrupted", "通话不能被打断"),
            pick("name chat or mail", "请写 chat 或 mail"),
        )
