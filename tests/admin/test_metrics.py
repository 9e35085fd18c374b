"""``/metrics``: who may read it, and that Prometheus's own parser reads all of it."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from admin.metrics.exposition import Family, Sample, exposition
from admin.metrics.sip import driver_families
from daemon.service.messages import DriverStatus
from tests.fakes.console_rig import ConsoleRig, make_hotline, running_console
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]
Key = tuple[str, frozenset[tuple[str, str]]]

SIP = {
    "received_invite": 12,
    "sent_200": 9,
    "received_486": 2,
    "received_other": 1,
    "ended_normal": 8,
    "ended_no_answer": 1,
    "calls_open": 3,
    "sources_banned_now": 1,
    "scanner_dropped": 40,
}


def read(text: str) -> dict[Key, float]:
    """Samples by name and labels, as Prometheus's parser has them; none may come twice."""
    found: dict[Key, float] = {}
    names = []
    for family in text_string_to_metric_families(text):
        names.append(family.name)
        assert family.documentation
        assert family.type in ("counter", "gauge")
        for sample in family.samples:
            assert family.type != "counter" or sample.name.endswith("_total")
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    assert len(names) == len(set(names))
    return found


def value(found: dict[Key, float], name: str, **labels: str) -> float:
    return found[f"hookflash_{name}", frozenset(labels.items())]


async def test_every_part_of_the_hotline_is_told(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    console.hotline.arrive("06WM3RZ8Q0002", "+4930124", queue="sales")
    reply = await (await sign_in("tech")).get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = read(reply.text)
    assert value(found, "up") == 1
    assert value(found, "queue_waiting", queue="sales") == 2
    assert value(found, "queue_waiting", queue="billing") == 0
    assert value(found, "calls", state="waiting") == 2
    assert value(found, "agents", state="logged_out") == 4
    assert value(found, "process_up", process="speech") == 0
    assert value(found, "media_up") == 1
    assert value(found, "media_load") == 0.12
    assert value(found, "media_late_ticks_total") == 4
    assert value(found, "rtp_lost_total") == 12
    assert value(found, "records_waiting") == 2
    assert value(found, "records_failures_total") == 1
    assert value(found, "journal_checkpoint_age_minutes") == 7
    assert value(found, "journal_records_to_read") == 420
    assert value(found, "journal_checkpoints_total") == 2
    assert value(found, "stations_reachable") == 3
    assert value(found, "lines", driver="board", state="down") == 1
    assert value(found, "driver_up", driver="trunk", kind="sip") == 1


def test_sip_is_told_by_method_status_and_cause() -> None:
    found = read(exposition(driver_families([DriverStatus(
        name="sip", kind="sip", up=True, counters=SIP)])))  # fmt: skip
    one = {"driver": "sip"}
    received, sent = one | {"direction": "received"}, one | {"direction": "sent"}
    assert value(found, "sip_requests_total", **received, method="INVITE") == 12
    assert value(found, "sip_requests_total", **received, method="OTHER") == 1
    assert value(found, "sip_responses_total", **sent, status="200") == 9
    assert value(found, "sip_responses_total", **received, status="486") == 2
    assert value(found, "sip_calls_ended_total", **one, cause="no_answer") == 1
    assert value(found, "driver_now", **one, what="calls") == 3
    assert value(found, "driver_now", **one, what="sources_banned") == 1
    assert value(found, "driver_events_total", **one, event="scanner_dropped") == 40


async def test_strangers_and_other_roles_read_nothing(console: ConsoleRig, sign_in: SignIn) -> None:
    stranger = await console.client().get("/metrics")
    assert (stranger.status, stranger.headers["www-authenticate"]) == (401, "Bearer")
    for login in ("anna", "sam"):
        assert (await (await sign_in(login)).get("/metrics")).status == 403


async def test_a_token_is_enough(console: ConsoleRig, sign_in: SignIn) -> None:
    for login, status in (("tech", 200), ("anna", 403)):
        owner = await sign_in(login)
        text = (await owner.post("/account/tokens", {"slug": login, "days": "30"})).text
        found = re.search(r"hf_[\w-]{20,}", text)
        assert found is not None
        program = console.client()
        program.token = found[0]
        assert (await program.get("/metrics")).status == status


async def test_addresses_may_be_allowed_but_not_through_a_proxy(tmp_path: Path, site: Path) -> None:
    for allowed, status in (("127.0.0.0/8", 200), ("192.0.2.1", 401)):
        hotline = make_hotline(lambda: 1_795_300_000.0)
        async with running_console(tmp_path, hotline, site, metrics_from=(allowed,)) as rig:
            assert (await rig.client().get("/metrics")).status == status
            passed_on = await rig.client().get("/metrics", x_forwarded_for="203.0.113.9")
            assert passed_on.status == 401


async def test_without_control_it_says_so(tmp_path: Path, site: Path) -> None:
    hotline = make_hotline(lambda: 1_795_300_000.0)
    allowed = ("127.0.0.1",)
    async with running_console(tmp_path, hotline, site, metrics_from=allowed) as rig:
        hotline.away = True
        reply = await rig.client().get("/metrics")
    assert (reply.status, read(reply.text)) == (200, {("hookflash_up", frozenset()): 0.0})


@pytest.mark.parametrize(
    ("number", "written"),
    [(float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"), (1.0, "1"),
     (0.25, "0.25"), (True, "1"), (1e300, "1e+300"), (-3, "-3")],
)  # fmt: skip
def test_numbers_are_written_as_the_format_wants(number: float, written: str) -> None:
    text = exposition([Family("a", "gauge", "x", (Sample(number),))])
    assert text.splitlines()[-1] == f"a {written}"


@given(st.text(st.characters(blacklist_characters="\r", blacklist_categories=["Cs"])), st.floats())
def test_any_label_comes_back(label: str, number: float) -> None:
    text = exposition([Family("a", "gauge", "one\nline", (Sample(number, {"x": label}),))])
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"x": label}
    assert sample.value == number or number != number
