"""The facade: everything that a page, a script or a test may ask of a running hotline.

One part a role. Control implements it (``daemon/control/facade.py``), the socket server
offers it to other processes, and ``ServiceClient`` is the same protocol over there. Every
change takes the actor, is refused with ``forbidden`` when the actor's roles do not allow
it, and is audited by control. Every refusal is a ``ServiceError``.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from daemon.service.fax.faxes import FaxService
from daemon.service.figures import Figures
from daemon.service.live import LiveState, LiveUpdate
from daemon.service.messages import (
    Actor,
    ApiToken,
    Applied,
    AudioPiece,
    BanRow,
    CaptureWish,
    ChangeEntry,
    Decision,
    Desk,
    Draining,
    FlowInfo,
    Grant,
    LadderRow,
    PromptInfo,
    RecordsCheck,
    Session,
    SystemStatus,
    Text,
)
from daemon.service.settings import (
    CalendarSettings,
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
    StationSettings,
    TierSettings,
)


class AccountService(Protocol):
    """For everybody: who am I, and the live picture."""

    async def log_in(self, login: str, password: str, address: str) -> Grant:
        """Check a password and open a web session; wrong-login or rate-limited else."""

    async def session(self, secret: str) -> Session:
        """The person behind a session's secret; prolongs it; signed-out else."""

    async def token_session(self, secret: str) -> Session:
        """The person behind an API token; signed-out else."""

    async def log_out(self, secret: str) -> None:
        """End a web session; ending it twice is harmless."""

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change one's own password; ends the person's other sessions."""

    async def set_language(self, actor: Actor, language: str) -> None:
        """Remember the language of a person's pages: en or zh."""

    async def create_token(self, actor: Actor, slug: str, valid_s: float) -> Grant:
        """Make an API token with the actor's roles; 0 s means that it does not expire."""

    async def list_tokens(self, actor: Actor) -> Sequence[ApiToken]:
        """The actor's tokens; all of them for an administrator."""

    async def revoke_token(self, actor: Actor, slug: str) -> None:
        """Make a token worthless at once."""

    async def ping(self) -> float:
        """The hotline's clock now; pages show themselves as stale when it fails."""

    async def live(self) -> LiveState:
        """The live picture now."""

    def subscribe(self, after_seq: int) -> AsyncIterator[LiveUpdate]:
        """Changes after a number; begins with ``Reset`` when some are no longer known.

        A subscriber that is too slow gets ``Reset`` too, and never slows anybody else.
        """


class AgentService(Protocol):
    """For the agent: one's own state and calls."""

    async def my_desk(self, actor: Actor) -> Desk:
        """State, offer and call of the actor, with the caller's card."""

    async def agent_log_in(self, actor: Actor, station: str) -> Desk:
        """Take a seat; conflict when another agent sits there, not-found without station."""

    async def agent_log_out(self, actor: Actor) -> Desk:
        """Leave the seat; wrong-state during a call."""

    async def ready(self, actor: Actor) -> Desk:
        """Be available: after log-in, pause or wrap-up."""

    async def pause(self, actor: Actor, reason: str) -> Desk:
        """Take no calls, with a reason's slug; during a call it counts from its end."""

    async def end_wrap_up(self, actor: Actor) -> Desk:
        """Finish the after-call work early and be ready."""

    async def accept(self, actor: Actor) -> Desk:
        """Answer the present offer where the station allows it (auto-answer, softphone)."""

    async def reject(self, actor: Actor) -> Desk:
        """Give the offer back to the queue; the caller keeps age and place."""

    async def hold(self, actor: Actor, *, on: bool) -> Desk:
        """Put the caller on hold, or take the call back."""

    async def pause_recording(self, actor: Actor, *, on: bool) -> Desk:
        """Record silence while a card number is told, or the call again; audited.

        Unavailable when media does not do it: then nothing has changed.
        """

    async def transfer(self, actor: Actor, to: str) -> Desk:
        """Connect the caller with a number, a station or a colleague (login) when it answers.

        Conflict when the target cannot be reached; until it answers the caller stays.
        """

    async def consult(self, actor: Actor, to: str) -> Desk:
        """Ring a number, a station or a colleague, whom the actor asks while the caller waits.

        Conflict when the target cannot be reached, or somebody is being asked already.
        """

    async def consult_step(self, actor: Actor, step: str) -> Desk:
        """Do swap, complete, join or cancel; wrong-state when nobody is being asked."""

    async def park(self, actor: Actor, slot: str) -> Desk:
        """Let the caller hear music in a slot, an empty one being the first that is free.

        Conflict when it is taken; the actor's telephone rings when nobody takes him back.
        """

    async def dial(self, actor: Actor, to: str) -> Desk:
        """Ring the actor's telephone and then call a number, a station, a colleague or a code.

        Conflict where the site does not allow the number or not so often, when the telephone
        is in use, or there is no call to take; wrong-state without a seat.
        """

    async def hang_up(self, actor: Actor) -> Desk:
        """End the actor's own call."""

    async def set_disposition(self, actor: Actor, call: str, disposition: str, note: str) -> None:
        """How the call ended, as the agent says."""

    async def list_stations(self, actor: Actor) -> Sequence[str]:
        """Stations at which the actor may sit, reachable and free ones."""


class SupervisorService(Protocol):
    """For the supervisor: calls and other people's states."""

    async def release_call(self, actor: Actor, call: str) -> None:
        """End any call in progress; not-found when it has already ended."""

    async def supervise(self, actor: Actor, call: str, station: str, part: str) -> None:
        """Ring a station to listen, whisper (to the agent) or barge (into the conversation).

        Again during it changes the actor's part. Wrong-state when caller and agent do not
        talk; conflict when the station cannot be rung or somebody else supervises the call.
        """

    async def stop_supervising(self, actor: Actor, call: str) -> None:
        """Let the supervisor's station go; not-found when nobody supervises the call."""

    def listen(self, actor: Actor, call: str, *, rate: int = 8000) -> AsyncIterator[AudioPiece]:
        """What caller and agent say, while they talk; not-found when they do not. Audited.

        ``rate`` is 8000 or 16000 samples a second; both hold the telephone band.
        """

    async def why(self, actor: Actor, call: str) -> Sequence[Decision]:
        """Each decision made about a call, oldest first."""

    async def why_agent(self, actor: Actor, agent: str) -> Sequence[Text]:
        """Why a person gets no calls, the most telling first; oneself, or as a supervisor."""

    async def set_agent_ready(self, actor: Actor, agent: str) -> None:
        """End another person's pause."""

    async def set_agent_paused(self, actor: Actor, agent: str, reason: str) -> None:
        """Pause another person, with a reason's slug."""

    async def set_agent_logged_out(self, actor: Actor, agent: str) -> None:
        """Take a person off the seat; wrong-state during a call."""

    async def set_queue_unattended(self, actor: Actor, queue: str, *, unattended: bool) -> Applied:
        """Let no caller into a queue, and those who wait out; or let callers in again."""

    async def cancel_callback(self, actor: Actor, call: str) -> None:
        """Give up the place that is kept for a caller; not-found when there is none."""

    async def recording_played(self, actor: Actor, recording: str) -> None:
        """Somebody listens: audited, and a message counts as heard from now on."""

    async def hold_recording(self, actor: Actor, recording: str, *, on: bool) -> None:
        """Keep a recording however old it gets, or no longer; administrators only, audited.

        Not-found when there is none, wrong-state for one that is not complete or deleted.
        """

    async def check_records(self, actor: Actor) -> RecordsCheck:
        """Compare records, segments and counters of today."""


class AdministratorService(Protocol):
    """For the administrator: settings, in force at once, versioned and audited."""

    async def list_people(self) -> Sequence[PersonSettings]: ...
    async def put_person(self, actor: Actor, person: PersonSettings, password: str) -> Applied:
        """Add or change a person; an empty password leaves the old one."""

    async def delete_person(self, actor: Actor, login: str) -> Applied:
        """Remove a person; conflict while in a call or when it is the last administrator."""

    async def list_queues(self) -> Sequence[QueueSettings]: ...
    async def put_queue(self, actor: Actor, queue: QueueSettings) -> Applied:
        """Add or change a queue; waiting callers keep their age and place."""

    async def delete_queue(self, actor: Actor, slug: str) -> Applied:
        """Remove a queue; conflict while callers wait, or a number or a queue leads to it."""

    async def list_tiers(self) -> Sequence[TierSettings]: ...
    async def put_tier(self, actor: Actor, tier: TierSettings) -> Applied:
        """Add or change callers who come before others; counts for those who wait as well."""

    async def delete_tier(self, actor: Actor, slug: str) -> Applied: ...
    async def list_calendars(self) -> Sequence[CalendarSettings]: ...
    async def put_calendar(self, actor: Actor, calendar: CalendarSettings) -> Applied:
        """Add or change opening hours of numbers and queues."""

    async def delete_calendar(self, actor: Actor, name: str) -> Applied:
        """Remove a calendar; conflict while a number or a queue has it."""

    async def list_station_settings(self) -> Sequence[StationSettings]: ...
    async def put_station(self, actor: Actor, station: StationSettings, secret: str) -> Applied:
        """Add or change a telephone; an empty secret leaves the old one."""

    async def set_mailbox_pin(self, actor: Actor, station: str, pin: str) -> None:
        """What opens the mailbox of a telephone elsewhere: 4 to 16 digits; empty: nothing does."""

    async def delete_station(self, actor: Actor, name: str) -> Applied:
        """Remove a telephone; conflict while somebody sits there or usually does."""

    async def list_numbers(self) -> Sequence[NumberSettings]: ...
    async def put_number(self, actor: Actor, number: NumberSettings) -> Applied:
        """Add or change what a called number leads to; counts from the next call."""

    async def delete_number(self, actor: Actor, number: str) -> Applied: ...
    async def list_pause_reasons(self) -> Sequence[PauseReason]: ...
    async def put_pause_reason(self, actor: Actor, reason: PauseReason) -> Applied: ...
    async def delete_pause_reason(self, actor: Actor, slug: str) -> Applied: ...
    async def list_skills(self) -> Sequence[str]: ...
    async def list_flows(self) -> Sequence[FlowInfo]: ...
    async def list_prompts(self) -> Sequence[PromptInfo]: ...
    async def convert_prompt(self, actor: Actor, incoming: str, name: str) -> PromptInfo:
        """Make a prompt of an uploaded file in ``incoming/`` (mp3, wav, ogg)."""

    async def list_changes(self, actor: Actor, limit: int) -> Sequence[ChangeEntry]:
        """The change ledger, newest first."""

    async def undo_change(self, actor: Actor, change: int) -> Applied:
        """Put the thing back as it was before; conflict when it has changed since."""


class TechnicianService(Protocol):
    """For the technician: lines, drivers and processes."""

    async def status(self) -> SystemStatus:
        """Processes, drivers and lines now."""

    async def ladder(self, actor: Actor, call: str) -> Sequence[LadderRow]:
        """The signalling of one call, oldest first; not-found when nothing of it is kept."""

    def capture(self, actor: Actor, wish: CaptureWish) -> AsyncIterator[bytes]:
        """A pcapng file in pieces, while it is captured; administrators alone get audio.

        Conflict while another capture runs, not-found for a call that is over. Audited.
        """

    async def bans(self, actor: Actor) -> Sequence[BanRow]:
        """Sources and accounts that are not listened to, the newest first."""

    async def release_ban(self, actor: Actor, name: str) -> None:
        """Listen to a source or account again; not-found when it is not banned. Audited."""

    async def figures(self) -> Figures:
        """Counts for monitoring; what cannot be had is left out."""

    async def set_draining(self, actor: Actor, *, on: bool) -> Draining:
        """Take no new calls until the next start, so that calls run out; or take them again."""

    async def draining(self) -> Draining:
        """Whether new calls are refused, and how many still go on."""


class Service(
    AccountService,
    AgentService,
    SupervisorService,
    AdministratorService,
    TechnicianService,
    FaxService,
    Protocol,
):
    """The whole facade."""
