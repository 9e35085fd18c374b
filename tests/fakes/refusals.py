"""Waits for a request to be refused."""

from collections.abc import Awaitable

import pytest

from daemon.service.errors import ServiceError


async def refused(asked: Awaitable[object]) -> ServiceError:
    """The refusal, which has a text in both languages."""
    with pytest.raises(ServiceError) as caught:
        await asked
    assert caught.value.en
    assert caught.value.zh
    return caught.value
