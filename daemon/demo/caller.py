"""The callers' process: SIP calls from a trunk's address and calls through the exchange.

Reads its setup and then one plan a line; writes one report a line.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from daemon.demo.exchange import BoardCaller, Exchange, TrunkChannel
from daemon.demo.lines import InputLines, write_report
from daemon.demo.phone import Session, Telephones
from daemon.demo.script import (
    MAILBOX,
    SIP_NUMBER,
    CallersSetup,
    CallPlan,
    CallResult,
    Problem,
    Ready,
)
from daemon.demo.talking import Caller
from daemon.language import pick
from drivers.errors import DriverError, LineBusy
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Call
from drivers.sip.simulator.packets import Media

ANSWER_S: Final = 20.0  # longest wait for the hotline to answer
LAMP_S: Final = 5.0  # longest wait for the message lamp
LINE_S: Final = 120.0  # longest wait for a free line of the exchange
NOT_ANSWERED: Final = pick(f"not answered within {ANSWER_S:.0f} s", f"{ANSWER_S:.0f} 秒内没有应答")
LAMP_DARK: Final = pick(f"the message lamp of {MAILBOX} is dark", f"{MAILBOX} 的留言灯没有亮")


class SipLine:
    """A caller's line over SIP."""

    def __init__(self, call: Call, session: Session) -> None:
        self._call = call
        self._session = session

    @property
    def over(self) -> bool:
        return self._call.ended.is_set()

    async def press(self, keys: str) -> None:
        await asyncio.sleep(self._session.press(keys))

    async def hang_up(self) -> None:
        await self._call.hang_up()


class BoardLine:
    """A caller's line through the exchange."""

    def __init__(self, call: BoardCaller) -> None:
        self._call = call
        self.over = False

    async def press(self, keys: str) -> None:
        await self._call.press(keys)

    async def hang_up(self) -> None:
        self.over = True
        self._call.hang_up()

    async def watch(self, caller: Caller) -> None:
        """Notice that the hotline hangs up."""
        await self._call.wait_released()
        self.over = True
        caller.ended()


class Callers:
    """Makes the calls that it is told to make."""

    def __init__(self, setup: CallersSetup) -> None:
        self._setup = setup
        self._agent = UserAgent("carrier", t1=setup.t1)
        self._telephones = Telephones(setup.host)
        self._exchange = Exchange(
            device=Path(setup.device),
            socket=Path(setup.board),
            channels=[TrunkChannel(channel=n) for n in range(1, setup.channels + 1)],
            lamp_changed=self._lamp,
        )
        self._messages = 0
        self._lit = asyncio.Event()
        self._lines = asyncio.Semaphore(setup.channels)

    async def run(self, plans: InputLines[CallPlan]) -> None:
        """Start each call as its plan arrives; return when all have ended."""
        await self._exchange.start()
        await self._agent.open(self._setup.host)
        write_report(Ready(detail=f"exchange with {self._setup.channels} lines"))
        try:
            async with asyncio.TaskGroup() as calls:
                async for plan in plans:
                    calls.create_task(self._call(plan), name=f"call {plan.number}")
            if self._messages and not await self._lamp_lit():
                write_report(Problem(error=LAMP_DARK))
        finally:
            await self._telephones.close()
            await self._agent.close()
            await self._exchange.stop()

    async def _call(self, plan: CallPlan) -> None:
        try:
            result = await (self._by_board(plan) if plan.line == "board" else self._by_sip(plan))
        except (DriverError, OSError, TimeoutError) as error:
            result = CallResult(plan=plan, error=str(error) or type(error).__name__)
        self._messages += result.outcome == "voicemail"
        write_report(result)

    async def _lamp_lit(self) -> bool:
        """Whether a message that was left has lit the lamp at the exchange."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAMP_S):
                await self._lit.wait()
        return self._lit.is_set()

    def _lamp(self, station: str, lit: bool) -> None:  # noqa: FBT001 - the exchange's signature
        if lit and station == MAILBOX:
            self._lit.set()

    async def _by_sip(self, plan: CallPlan) -> CallResult:
        caller = Caller(plan)
        session = await self._telephones.open(caller)
        try:
            media = Media(*session.address)
            call = self._agent.call(SIP_NUMBER, self._setup.hotline, media, ani=plan.ani)
            call.media_changed = lambda found: _connect(session, found)
            try:
                async with asyncio.timeout(ANSWER_S):
                    await call.answered()
            except TimeoutError:
                await call.cancel()
                raise TimeoutError(NOT_ANSWERED) from None
            watch = asyncio.create_task(_tell_end(call, caller))
            try:
                return await caller.live(SipLine(call, session))
            finally:
                watch.cancel()
        finally:
            self._telephones.drop(session)

    async def _by_board(self, plan: CallPlan) -> CallResult:
        caller = Caller(plan)
        async with self._lines:
            call = await self._seize(plan, caller)
            try:
                async with asyncio.timeout(ANSWER_S):
                    await call.wait_answered()
            except TimeoutError:
                call.hang_up()
                raise TimeoutError(NOT_ANSWERED) from None
            line = BoardLine(call)
            watch = asyncio.create_task(line.watch(caller))
            try:
                return await caller.live(line)
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5.0):
                        await watch

    async def _seize(self, plan: CallPlan, caller: Caller) -> BoardCaller:
        """Ring a free line; one that has just been used needs a moment of rest."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + LINE_S
        while loop.time() < give_up:
            for channel in self._exchange.free_channels():
                with contextlib.suppress(LineBusy):
                    return self._exchange.call(channel, ani=plan.ani, audio=caller)
            await asyncio.sleep(0.2)
        raise LineBusy(pick("no free line at the exchange", "交换机没有空闲线路"))


def _connect(session: Session, media: Media) -> None:
    session.connect(media.host, media.port, media.payload_type, media.dtmf_payload_type)


async def _tell_end(call: Call, caller: Caller) -> None:
    await call.ended.wait()
    caller.ended()
