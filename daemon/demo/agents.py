"""The agents' process: a registered phone for each agent, answered by a person of few words.

Reads its setup; writes one report a line until its input ends.
"""

import asyncio
import random
from typing import Final

from daemon.demo.lines import InputLines, write_report
from daemon.demo.phone import Session, Telephones
from daemon.demo.script import (
    AgentResult,
    AgentsSetup,
    AgentStation,
    CallPlan,
    Problem,
    Ready,
    agent_hangs_up,
)
from daemon.demo.talking import Agent
from daemon.language import pick
from drivers.errors import DriverError
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Call
from drivers.sip.simulator.packets import Media

EXPIRES_S: Final = 300
ANSWER_S: Final = (0.4, 1.2)  # an agent picks up after a time between these
TALK_S: Final = 2.5  # after the caller's tone was heard, when the agent hangs up
LONGEST_CALL_S: Final = 60.0


class Agents:
    """Every agent's phone."""

    def __init__(self, setup: AgentsSetup) -> None:
        self._setup = setup
        self._telephones = Telephones(setup.host, seed=setup.seed)
        self._chance = random.Random(setup.seed)  # noqa: S311 - a script, not a secret
        self._phones: list[UserAgent] = []

    async def run(self, lines: InputLines[CallPlan]) -> None:
        """Register and answer until the input ends."""
        try:
            async with asyncio.TaskGroup() as group:
                work = []
                for station in self._setup.stations:
                    phone = await UserAgent(station.station, station.secret).open(self._setup.host)
                    self._phones.append(phone)
                    status = await phone.register(self._setup.hotline, self._setup.realm, EXPIRES_S)
                    if status != 200:
                        write_report(
                            Problem(
                                error=pick(
                                    f"{station.station}: REGISTER got {status}",
                                    f"{station.station}：REGISTER 返回 {status}",
                                )
                            )
                        )
                    work.append(group.create_task(self._keep_registered(phone)))
                    work.append(group.create_task(self._answer(phone, station)))
                write_report(Ready(detail=f"{len(self._phones)} phones registered"))
                async for _ in lines:
                    continue
                for task in work:
                    task.cancel()
        finally:
            await self._telephones.close()
            for phone in self._phones:
                await phone.close()

    async def _keep_registered(self, phone: UserAgent) -> None:
        while True:
            await asyncio.sleep(EXPIRES_S / 2)
            await phone.register(self._setup.hotline, self._setup.realm, EXPIRES_S)

    async def _answer(self, phone: UserAgent, station: AgentStation) -> None:
        while True:
            call = await phone.incoming.get()
            call.ring()
            try:
                result = await self._serve(call, station)
            except (DriverError, OSError, TimeoutError) as error:
                result = AgentResult(agent=station.number, ani=call.caller, error=str(error))
            if result is not None:
                write_report(result)

    async def _serve(self, call: Call, station: AgentStation) -> AgentResult | None:
        """Answer, be heard, listen, and end the call from the side that is to end it."""
        await asyncio.sleep(self._chance.uniform(*ANSWER_S))
        if call.ended.is_set():
            return None
        agent = Agent(station.number)
        session = await self._telephones.open(agent)
        try:
            call.media_changed = lambda found: _connect(session, found)
            await call.answer(Media(*session.address))
            if agent_hangs_up(call.caller):
                await self._hang_up_after_talk(call, agent)
            async with asyncio.timeout(LONGEST_CALL_S):
                await call.ended.wait()
            return AgentResult(agent=station.number, ani=call.caller, heard=agent.ear.pair)
        finally:
            await call.hang_up()
            self._telephones.drop(session)

    async def _hang_up_after_talk(self, call: Call, agent: Agent) -> None:
        waited = 0.0
        while not agent.hears_caller and waited < LONGEST_CALL_S / 2:
            if call.ended.is_set():
                return
            await asyncio.sleep(0.1)
            waited += 0.1
        await asyncio.sleep(TALK_S)
        await call.hang_up()


def _connect(session: Session, media: Media) -> None:
    session.connect(media.host, media.port, media.payload_type, media.dtmf_payload_type)
