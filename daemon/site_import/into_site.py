"""An imported part joined with what a site's files hold already."""

import msgspec

from daemon.errors import Fault
from daemon.language import pick
from daemon.site_files import queues
from daemon.site_files.people import PeopleFile, Person
from daemon.site_files.queues import QueuesFile
from daemon.site_import.draft import SitePart
from daemon.site_import.report import SourceError, Words


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """The two files as they become, and which phones are new."""

    people: PeopleFile
    queues: QueuesFile
    new_stations: tuple[str, ...]
    notes: tuple[Words, ...] = ()


def join(
    staff: PeopleFile, present: QueuesFile, part: SitePart, *, replace: bool = False
) -> Joined:
    """Add a part to a site's tables.

    People and phones that are there keep everything and get the new skills. A queue that
    is there raises SourceError, with ``replace`` the imported one takes its place.
    """
    imported = {queue.slug: queue for queue in part.queues.queues}
    doubled = [queue.slug for queue in present.queues if queue.slug in imported]
    if doubled and not replace:
        what = pick("is there already", "已存在")
        todo = pick("--replace puts the imported one in its place", "--replace 用导入的替换它")
        raise SourceError(
            [Fault(file=queues.FILE, section=slug, what=what, todo=todo) for slug in doubled]
        )
    known = {station.name for station in staff.stations}
    new_stations = tuple(one for one in part.people.stations if one.name not in known)
    skills = {skill.name for skill in staff.skills}
    everybody, notes = _people(staff, part.people)
    return Joined(
        people=PeopleFile(
            people=everybody,
            stations=(*staff.stations, *new_stations),
            skills=(*staff.skills, *(s for s in part.people.skills if s.name not in skills)),
            pause_reasons=staff.pause_reasons,
        ),
        queues=QueuesFile(
            queues=(
                *(imported.pop(queue.slug, queue) for queue in present.queues),
                *imported.values(),
            )
        ),
        new_stations=tuple(station.name for station in new_stations),
        notes=notes,
    )


def _people(staff: PeopleFile, part: PeopleFile) -> tuple[tuple[Person, ...], tuple[Words, ...]]:
    """Everybody, and a note on each who wanted a telephone that is somebody's already."""
    added = {person.login: person for person in part.people}
    seats = {person.station: person.login for person in staff.people if person.station}
    joined, notes = [], []
    for person in staff.people:
        imported = added.pop(person.login, None)
        if imported is not None:
            roles = person.roles if "agent" in person.roles else (*person.roles, "agent")
            wanted = imported.station
            person = msgspec.structs.replace(
                person,
                roles=roles,
                skills=person.skills | imported.skills,
                station=person.station or ("" if wanted in seats else wanted),
            )
        joined.append(person)
    for login, person in added.items():
        if person.station in seats:
            notes.append(_taken(login, person.station, seats[person.station]))
            person = msgspec.structs.replace(person, station="")
        joined.append(person)
    return tuple(joined), tuple(notes)


def _taken(login: str, station: str, owner: str) -> Words:
    return Words(
        f"{login} has no station: {station} is the telephone of {owner}",
        f"{login} 没有分机：{station} 是 {owner} 的话机",
    )
