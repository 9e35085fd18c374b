"""The benchmark's own loads, in small: they count every call and measure something."""

from drivers.sip.bench import calling, loads


async def test_each_transport_carries_every_call() -> None:
    found = await loads.by_transport(calls=20, rate=200.0)
    assert set(found) == {"udp", "tcp", "tls", "ws"}
    for row in found.values():
        assert row["calls"] == 20
        assert 0 < float(row["cpu_s_per_1000"]) < 60
        assert 0 < float(row["pdd_p99_ms"]) < 10_000


async def test_every_call_that_is_dialled_is_answered_and_ends() -> None:
    found = await calling.run(calls=20, rate=200.0)
    assert found["calls"] == 20
    assert 0 < found["cpu_s_per_1000"] < 60
    assert found["journal_bytes_per_call"] > 300


async def test_every_registration_is_renewed() -> None:
    assert await loads.registrations(stations=5, rounds=4) > 0


async def test_calls_that_stand_take_memory() -> None:
    assert 0 <= await loads.memory(calls=100) < 200_000


async def test_flood_is_refused_beyond_the_limit_and_over_at_once() -> None:
    found = await loads.flood(seconds=0.4, t1=0.03)
    offered = int(loads.FLOOD_RATE * 0.4)
    assert int(found["refused"]) > offered / 2
    assert found["refused_without_retry_after"] == 0
    assert found["unanswered"] == 0
    assert int(found["accepted"]) + int(found["refused"]) >= offered
    assert int(found["accepted"]) >= 0.4 * loads.FLOOD_LIMIT
    assert 0 <= float(found["recovered_s"]) < 10
    assert float(found["grown_mb"]) < 5
