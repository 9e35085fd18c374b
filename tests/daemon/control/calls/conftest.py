"""Control on fakes; time jumps to the next thing that is due."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control_rig import ControlRig
from tests.fakes.virtual_time import VirtualTimePolicy

MakeRig = Callable[..., Awaitable[ControlRig]]


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return VirtualTimePolicy()


@pytest.fixture
async def make_rig(tmp_path: Path) -> AsyncIterator[MakeRig]:
    made: list[ControlRig] = []

    async def make(**settings: Any) -> ControlRig:
        rig = ControlRig(tmp_path, **settings)
        made.append(rig)
        await rig.start()
        return rig

    yield make
    for rig in made:
        await rig.crash()


@pytest.fixture
async def rig(make_rig: MakeRig) -> ControlRig:
    return await make_rig()
