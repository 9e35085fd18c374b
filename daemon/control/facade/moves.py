"""What agents do with calls beside talking: ask somebody, confer, park, and dial."""

from acd_core.agent import AgentState
from daemon.control.calls.call import Call, Direct, Leg, Phase
from daemon.control.calls.moves.asking import ConsultRequest, ConsultStepRequest, ParkRequest
from daemon.control.calls.moves.dialled import Outside, PickUp, Slot, Wish, wish_of
from daemon.control.calls.moves.parking import free_slot
from daemon.control.calls.moves.picking_up import takeable
from daemon.control.calls.moves.tables import CONSULT_TABLE, ConsultStep, DirectState
from daemon.control.controller import Controller
from daemon.control.facade.directory import AgentInfo
from daemon.service.errors import ServiceError
from daemon.service.messages import Consultation, ParkedCaller
from drivers.api import Line
from drivers.errors import DriverError

STEPS = {step.value: step for step in ConsultStep if step is not ConsultStep.ANSWER}
MAY_DIAL = (AgentState.READY, AgentState.PAUSED, AgentState.WRAP_UP)


class CallMoves:
    """The moves of the agents' part of the facade; every refusal is a ServiceError."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def consult(self, call: Call, agent: AgentInfo, to: str, target: str) -> None:
        """Ring somebody whom the agent asks while the caller waits."""
        if not self._controller.calls[call.id].onward.possible(target):
            raise _conflict(
                f"{to} cannot be reached now.", f"目前无法接通 {to}。", to="unreachable"
            )
        self._controller.request(call.id, ConsultRequest(to=target, by=agent.login))

    def step(self, call: Call, step: str) -> None:
        """Swap, complete, join or cancel."""
        known = STEPS.get(step)
        if known is None:
            names = ", ".join(STEPS)
            raise ServiceError(
                "invalid",
                f"Choose one of {names}.",
                f"请选择 {names} 之一。",
                fields={"step": "unknown"},
            )
        if call.consult is None or (call.consult.state, known) not in CONSULT_TABLE:
            en, zh = "Nobody is being asked, or not yet.", "没有正在咨询的对象，或对方尚未接听。"
            raise ServiceError("wrong-state", en, zh)
        self._controller.request(call.id, ConsultStepRequest(step=known))

    def park(self, call: Call, agent: AgentInfo, slot: str) -> None:
        """Let the caller rest in a slot."""
        slots = self._controller.telephones.slot_names
        taken = {each.slot for each in self.parked()}
        if call.consult is not None or not free_slot(slot, slots, taken):
            raise _conflict("No such slot is free.", "没有这样的空闲驻留位。", slot="taken")
        station = next((s for s, seat in self._controller.seats.items() if seat == agent.key), "")
        self._controller.request(call.id, ParkRequest(slot=slot, by=station))

    def parked(self) -> tuple[ParkedCaller, ...]:
        """Who rests where."""
        return tuple(
            ParkedCaller(
                slot=call.parked.slot,
                ani=call.ani,
                name=call.name,
                since=call.parked.since,
                by=call.parked.by,
            )
            for life in self._controller.lives()
            if (call := life.call).parked is not None
        )

    def consultation(self, call: Call | None) -> Consultation | None:
        """Whom an agent asks now."""
        if call is None or call.consult is None:
            return None
        return Consultation(to=call.consult.to, state=call.consult.state)

    def begun_by(self, agent: int) -> Call | None:
        """The call between telephones, or to outside, that an agent began or was called in."""
        for life in self._controller.lives():
            direct = life.call.direct
            if direct is not None and agent in (direct.agent, *life.call.engaged):
                return life.call
        return None

    def dialled(self, agent: int) -> str:
        """With whom that call is; empty without one."""
        call = self.begun_by(agent)
        if call is None or call.direct is None:
            return ""
        return call.direct.to if call.direct.agent == agent else call.direct.station

    def dial(self, agent: AgentInfo, state: AgentState, to: str, target: str) -> None:
        """Ring the agent's own telephone, then whom he wants."""
        controller = self._controller
        station = next((s for s, seat in controller.seats.items() if seat == agent.key), "")
        if not station or state not in MAY_DIAL:
            en, zh = "Take a seat first, and finish your call.", "请先就座并结束当前通话。"
            raise ServiceError("wrong-state", en, zh)
        wish = wish_of(target, controller.telephones, controller.is_station)
        if wish is None or target == station:
            raise ServiceError(
                "invalid",
                f"{to} is no number that can be dialled.",
                f"{to} 不是可拨打的号码。",
                fields={"to": "unknown"},
            )
        if controller.draining and not isinstance(wish, PickUp | Slot):
            raise _conflict("No new calls are taken now.", "目前不接受新的呼叫。", to="draining")
        self._check(wish, station)
        line = self._own_line(station)
        now = controller.clock()
        controller.start_call(
            Call(
                id=controller.ids(),
                started=now,
                since=now,
                caller=Leg(id=controller.ids(), line=line.id),
                phase=Phase.DIALLING,
                direction="out" if isinstance(wish, Outside) else "internal",
                ani=station,
                ani_verbatim=station,
                dnis=target,
                name=agent.name,
                direct=Direct(
                    station=station,
                    to=target,
                    state=DirectState.PHONE_RINGS,
                    agent=agent.key,
                    by=agent.login,
                ),
            )
        )

    def _check(self, wish: Wish, station: str) -> None:
        controller = self._controller
        if isinstance(wish, PickUp | Slot) and takeable(controller, wish, station) is None:
            raise _conflict("There is no such call to take.", "没有可代接或取回的通话。", to="none")
        if isinstance(wish, Outside) and not controller.may_call_outside(wish.number, station):
            raise ServiceError(
                "conflict",
                f"{wish.number} may not be called from here, or not so often."
                " Administrators set both under [telephones] in hookflash.toml.",
                f"不允许从此处呼叫 {wish.number}，或呼叫过于频繁。"
                "管理员可在 hookflash.toml 的 [telephones] 中设置。",
                fields={"to": "not-allowed"},
            )

    def _own_line(self, station: str) -> Line:
        controller = self._controller
        try:
            line = controller.station_line(station)
        except DriverError:
            line = None
        if line is None or controller.watched(line.id):
            raise _conflict(
                f"Your telephone {station} is in use or cannot be reached.",
                f"您的话机 {station} 正在使用或无法接通。",
                station="busy",
            )
        return line


def _conflict(en: str, zh: str, **fields: str) -> ServiceError:
    return ServiceError("conflict", en, zh, fields=fields)
