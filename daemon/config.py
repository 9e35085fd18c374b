"""``hookflash.toml`` to structs: lines, ports, paths; all faults are reported together.

Each driver declares its options beside its code (``drivers/<kind>/options.py``); so do
media and speech. Options may have ``faults()``, which returns those that types cannot say:
drivers as OptionsError in both languages, the others as ``key: what is wrong; what to do``.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from daemon.errors import ConfigError, Fault
from daemon.fax.options import FaxOptions
from daemon.language import current_language, pick
from daemon.media.options import MediaOptions
from daemon.recordings.options import RecordingsOptions, VoicemailOptions
from daemon.site_files.toml_table import TomlFile, did_you_mean
from daemon.site_files.zones import known_zone
from drivers import registry
from drivers.errors import OptionsError
from drivers.tones import TONES
from speech.options import SpeechOptions

FILE: Final = "hookflash.toml"
SECTIONS: Final = (
    "site",
    "media",
    "speech",
    "web",
    "records",
    "journal",
    "fax",
    "outgoing",
    "telephones",
    "audio",
    "recordings",
    "voicemail",
    "drivers",
)
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class SiteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[site]``: who we are and where we are."""

    name: str = "hookflash"
    """Shown in the console and in the agents' phones."""
    language: Literal["en", "zh"] = "en"
    """Language of prompts where a flow or number names none, and of fresh log-ins."""
    timezone: str = "UTC"
    """IANA zone in which days begin and screens show times."""
    country: str = ""
    """Whose tones callers hear: au, br, cn, de, es, fr, in, it, jp, ru, uk or us; empty: those that
    ITU-T E.180 recommends."""
    run_dir: str = ""
    """Directory of the sockets; empty chooses one (see ``SiteDirectory.run_dir``)."""
    node: Annotated[int, msgspec.Meta(ge=0, le=1023)] = 0
    """Number of this machine, unique among machines that share records."""


class WebOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[web]``: the console and the API."""

    address: str = "127.0.0.1"
    """IP address to listen at; anything but loopback needs a certificate."""
    port: Port = 8080
    """TCP port; 0 takes any free one."""
    tls_certificate: str = ""
    """PEM file, relative to the site directory; empty serves plain HTTP."""
    tls_key: str = ""
    """PEM file of its key, relative to the site directory."""
    metrics_from: tuple[str, ...] = ()
    """Addresses and networks that may read ``/metrics`` without a token, such as
    ``127.0.0.1``; with none, only a technician's or an administrator's token opens it."""


class RecordsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[records]``: the database."""

    database: str = ""
    """URL of a PostgreSQL database, ``postgres:///NAME`` on this machine; empty: ``hookflash.db``
    in the site."""
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 2000
    """Most rows written in one transaction."""
    batch_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Longest time a row waits to be written."""
    waiting_rows: Annotated[int, msgspec.Meta(ge=1000)] = 20_000
    """Rows kept in memory while the database is slow or away; more go to ``spill/``."""


class JournalOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[journal]``: what control recovers from."""

    days: Annotated[int, msgspec.Meta(ge=1)] = 14
    """Days that finished journal files are kept, for replay."""
    segment_mb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64
    """Size at which a new file begins, in MiB."""
    checkpoint_records: Annotated[int, msgspec.Meta(ge=0)] = 200_000
    """Records after which a checkpoint is written, so that a start after a kill reads no more of
    them; 3,000 calls through queues write as many. 0: only at night, while nobody calls."""
    checkpoint_minutes: Annotated[int, msgspec.Meta(ge=1)] = 60
    """Minutes after which one is written at the latest, if there are 1,000 records or more."""


class OutgoingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[outgoing]``: calls that the hotline makes itself, to call people back."""

    lines: tuple[str, ...] = ()
    """Names of drivers, trunks or lines, tried in this order; empty: every trunk that dials."""
    prefix: Annotated[str, msgspec.Meta(pattern="^[0-9*#+]{0,12}$")] = ""
    """Dialled before every number, as 0 or 9 behind an exchange."""
    number: Annotated[str, msgspec.Meta(pattern="^[+]?[0-9]{0,20}$")] = ""
    """Caller number shown to the called party; empty: what the trunk has."""
    answering_machine: Literal["ignore", "hang_up", "message", "agent"] = "ignore"
    """What is done when a machine answers a call-back: nothing is found out (it cannot press the
    key that a person is asked for); it is hung up and tried again; it gets ``machine_message`` and
    the place is given up; or it goes to an agent at once. To find out takes one to four seconds."""
    machine_message: str = ""
    """Name of the prompt in ``prompts/`` that a machine gets."""

    def faults(self) -> list[str]:
        """What types cannot say, as ``key: what is wrong; what to do``."""
        if self.answering_machine != "message" or self.machine_message:
            return []
        what = pick("there is no message for machines", "没有给应答机的留言")
        todo = pick("name a prompt in prompts/", "请写 prompts/ 中的提示音名")
        return [f"machine_message: {what}; {todo}"]


class AudioOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[audio]``: what is done with voices in conversations."""

    automatic_level: Literal["off", "agents", "callers", "all"] = "off"
    """Whose speech is brought to a comfortable level for the others, by 12 dB at most; callers
    are all who are no agents. A recording holds callers as they spoke, agents as they were heard."""
    speakers: Literal["off", "conferences", "all"] = "conferences"
    """In which conversations the console shows who speaks now; a conference has three or more."""


class TelephoneOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[telephones]``: what people inside may dial, and the codes they dial for it."""

    pick_up: Annotated[str, msgspec.Meta(pattern="^[*#][0-9*#]{0,4}$")] = "*8"
    """Takes a call that rings elsewhere; with a telephone's name behind it, the call there."""
    park: Annotated[str, msgspec.Meta(pattern="^[*#][0-9*#]{0,4}$")] = "*5"
    """A call transferred to it rests in the first free slot; slots are ``*51`` and so on."""
    slots: Annotated[int, msgspec.Meta(ge=0, le=9)] = 9
    """Slots for parked callers; 0: nobody is parked."""
    park_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 120.0
    """Seconds until the telephone rings again that parked a caller."""
    allowed: tuple[Annotated[str, msgspec.Meta(pattern="^[+]?[0-9]{1,15}$")], ...] = ()
    """Beginnings of outside numbers that telephones and the console may call; empty: none."""
    max_outside: Annotated[int, msgspec.Meta(ge=0)] = 10
    """Such calls at the same time."""
    max_per_hour: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Such calls that one telephone begins within any hour."""

    @property
    def slot_names(self) -> tuple[str, ...]:
        """What is dialled to take the caller of each slot back."""
        return tuple(f"{self.park}{number}" for number in range(1, self.slots + 1))


class DriverSection(msgspec.Struct, frozen=True, kw_only=True):
    """``[drivers.<name>]``: one driver with the options its kind declares."""

    name: str
    kind: str
    options: Any
    """The struct registered for ``kind`` in ``drivers.registry``."""
    host: str
    """Process that runs it: control or media."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of ``hookflash.toml``."""

    site: SiteOptions = SiteOptions()
    media: MediaOptions = MediaOptions()
    speech: SpeechOptions = SpeechOptions()
    web: WebOptions = WebOptions()
    records: RecordsOptions = RecordsOptions()
    journal: JournalOptions = JournalOptions()
    fax: FaxOptions = FaxOptions()
    outgoing: OutgoingOptions = OutgoingOptions()
    telephones: TelephoneOptions = TelephoneOptions()
    audio: AudioOptions = AudioOptions()
    recordings: RecordingsOptions = RecordingsOptions()
    voicemail: VoicemailOptions = VoicemailOptions()
    drivers: tuple[DriverSection, ...] = ()

    def driver(self, name: str) -> DriverSection:
        """The driver section of a name; KeyError when there is none."""
        for section in self.drivers:
            if section.name == name:
                return section
        raise KeyError(name)


def load_config(path: Path) -> Config:
    """Read ``hookflash.toml`` of a site directory; ConfigError with every fault."""
    try:
        content = (path / FILE).read_bytes()
    except OSError as error:
        todo = pick(f"make a site with: hookflash init {path}", f"新建站点：hookflash init {path}")
        what = pick(f"cannot be read: {error.strerror}", f"无法读取：{error.strerror}")
        raise ConfigError([Fault(file=FILE, what=what, todo=todo)]) from error
    return parse_config(content)


def parse_config(content: bytes) -> Config:
    """Make a Config of a file's bytes; ConfigError with every fault."""
    toml = TomlFile(FILE, content)
    for key in toml.data:
        if key not in SECTIONS:
            toml.unknown((), key, SECTIONS)
    site = toml.table(("site",), SiteOptions)
    media = toml.table(("media",), MediaOptions)
    speech = toml.table(("speech",), SpeechOptions)
    web = toml.table(("web",), WebOptions)
    records = toml.table(("records",), RecordsOptions)
    journal = toml.table(("journal",), JournalOptions)
    fax = toml.table(("fax",), FaxOptions)
    outgoing = toml.table(("outgoing",), OutgoingOptions)
    telephones = toml.table(("telephones",), TelephoneOptions)
    audio = toml.table(("audio",), AudioOptions)
    recordings = toml.table(("recordings",), RecordingsOptions)
    voicemail = toml.table(("voicemail",), VoicemailOptions)
    drivers = _drivers(toml)
    # What is sound in a faulty table is checked too: every fault at once.
    if (some_site := site or toml.sound_part(("site",), SiteOptions)) is not None:
        _check_zone(toml, some_site)
    if (some_web := web or toml.sound_part(("web",), WebOptions)) is not None:
        _check_web(toml, some_web)
    _own_faults(toml, ("media",), media or toml.sound_part(("media",), MediaOptions))
    _own_faults(toml, ("outgoing",), outgoing or toml.sound_part(("outgoing",), OutgoingOptions))
    _own_faults(toml, ("speech",), speech or toml.sound_part(("speech",), SpeechOptions))
    toml.check()
    if fax is None:
        raise ConfigError(toml.faults)
    if not (site and media and speech and web and records and journal and outgoing and telephones):
        raise ConfigError(toml.faults)
    if not (recordings and voicemail and audio):
        raise ConfigError(toml.faults)
    return Config(
        site=site,
        media=media,
        speech=speech,
        web=web,
        records=records,
        journal=journal,
        fax=fax,
        outgoing=outgoing,
        telephones=telephones,
        audio=audio,
        recordings=recordings,
        voicemail=voicemail,
        drivers=drivers,
    )


def is_loopback(address: str) -> bool:
    """True when an IP address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _drivers(toml: TomlFile) -> tuple[DriverSection, ...]:
    sections = toml.data.get("drivers", {})
    if not isinstance(sections, dict):
        toml.fault(("drivers",), pick("must be tables [drivers.NAME]", "必须是 [drivers.名称] 表"))
        return ()
    found = []
    for name, table in sections.items():
        section = _driver(toml, name, table)
        if section is not None:
            found.append(section)
    return tuple(found)


def _driver(toml: TomlFile, name: str, table: object) -> DriverSection | None:
    path = ("drivers", name)
    if not isinstance(table, dict):
        toml.fault(path, pick("must be a table", "必须是表"))
        return None
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        todo = pick("use letters, digits, - and _", "请用字母、数字、- 和 _")
        toml.fault(path, pick("is not a usable name", "名称不可用"), todo)
    kind = table.pop("driver", None)
    known = registry.available()
    if not isinstance(kind, str):
        todo = did_you_mean("", known)
        toml.fault((*path, "driver"), pick("is missing", "缺少"), todo)
        return None
    if kind not in known:
        reason = registry.unavailable().get(kind)
        what = (
            pick(f"driver {kind!r} cannot be loaded: {reason}", f"驱动 {kind!r} 无法加载：{reason}")
            if reason
            else pick(f"there is no driver {kind!r}", f"没有驱动 {kind!r}")
        )
        toml.fault((*path, "driver"), what, "" if reason else did_you_mean(kind, known))
        return None
    options = toml.table(path, known[kind].options)
    if options is None:
        _own_faults(toml, path, toml.sound_part(path, known[kind].options))
        return None
    _own_faults(toml, path, options)
    return DriverSection(name=name, kind=kind, options=options, host=known[kind].host)


def _own_faults(toml: TomlFile, path: tuple[str, ...], options: msgspec.Struct | None) -> None:
    """Ask the options for the faults that their types cannot express."""
    faults = getattr(options, "faults", None)
    if faults is None:
        return
    found: list[OptionsError | str] = faults()
    language = current_language()
    for error in found:
        if isinstance(error, OptionsError):
            key, message = error.key, error.text(language)
        else:
            key, _, message = error.partition(": ")
        what, _, todo = message.replace("；", "; ", 1).partition("; ")
        toml.fault((*path, *_split(key)), what, todo)


def _split(key: str) -> tuple[str | int, ...]:
    """``trunks[0].name`` as a path."""
    parts: list[str | int] = []
    for name in key.split("."):
        word, _, index = name.partition("[")
        parts.append(word)
        if index.rstrip("]").isdigit():
            parts.append(int(index.rstrip("]")))
    return tuple(parts)


def _check_zone(toml: TomlFile, site: SiteOptions) -> None:
    if site.country and site.country not in TONES:
        known = ", ".join(sorted(TONES))
        toml.fault(
            ("site", "country"),
            pick(f"there are no tones of {site.country!r}", f"没有 {site.country!r} 的信号音"),
            pick(f"choose from {known}", f"可选：{known}"),
        )
    if not known_zone(site.timezone):
        toml.fault(
            ("site", "timezone"),
            pick(f"there is no time zone {site.timezone!r}", f"没有时区 {site.timezone!r}"),
            pick("write one like Europe/Berlin", "请写如 Asia/Shanghai"),
        )


def _check_web(toml: TomlFile, web: WebOptions) -> None:
    try:
        ipaddress.ip_address(web.address)
    except ValueError:
        what = pick(f"{web.address!r} is not an IP address", f"{web.address!r} 不是 IP 地址")
        toml.fault(("web", "address"), what, pick("write 127.0.0.1", "请写 127.0.0.1"))
        return
    if bool(web.tls_certificate) != bool(web.tls_key):
        missing = "tls_key" if web.tls_certificate else "tls_certificate"
        toml.fault(("web", missing), pick("is missing", "缺少"))
    for text in web.metrics_from:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            toml.fault(
                ("web", "metrics_from"),
                pick(f"{text!r} is no address or network", f"{text!r} 不是地址或网段"),
                pick("write 127.0.0.1 or 192.0.2.0/24", "请写如 127.0.0.1 或 192.0.2.0/24"),
            )
    if not is_loopback(web.address) and not web.tls_certificate:
        toml.fault(
            ("web", "address"),
            pick("listens to the network without TLS", "对网络监听但没有 TLS"),
            pick(
                "set tls_certificate and tls_key, or address = 127.0.0.1",
                "请设 tls_certificate 和 tls_key，或 address = 127.0.0.1",
            ),
        )
