"""Counters of drivers as families: SIP by method, status and cause, the rest by name."""

import re
from collections.abc import Sequence
from typing import Final

from admin.metrics.exposition import Family, Sample
from daemon.service.messages import DriverStatus

METHODS: Final = frozenset(
    {
        *("invite", "ack", "bye", "cancel", "options", "register", "info"),
        *("prack", "update", "refer", "notify", "subscribe", "message", "other"),
    }
)
_WAY: Final = re.compile(r"(received|sent)_(.+)")
_STATUS: Final = re.compile(r"[1-6][0-9]{2}")
_NOW: Final = ("_open", "_now")
"""Endings of what is counted at this moment and may go down."""


def driver_families(drivers: Sequence[DriverStatus]) -> list[Family]:
    """Everything that drivers count."""
    requests: list[Sample] = []
    responses: list[Sample] = []
    causes: list[Sample] = []
    events: list[Sample] = []
    present: list[Sample] = []
    for driver in drivers:
        for name, count in sorted(driver.counters.items()):
            labels = {"driver": driver.name}
            way = _WAY.fullmatch(name)
            if way is not None and way[2] in METHODS:
                labels |= {"direction": way[1], "method": way[2].upper()}
                requests.append(Sample(count, labels))
            elif way is not None and _STATUS.fullmatch(way[2]):
                labels |= {"direction": way[1], "status": way[2]}
                responses.append(Sample(count, labels))
            elif name.startswith("ended_"):
                causes.append(Sample(count, labels | {"cause": name.removeprefix("ended_")}))
            elif name.endswith(_NOW):
                what = name.rpartition("_")[0]
                present.append(Sample(count, labels | {"what": what}))
            else:
                events.append(Sample(count, labels | {"event": name}))
    up = tuple(
        Sample(driver.up, {"driver": driver.name, "kind": driver.kind}) for driver in drivers
    )
    return [
        Family("hookflash_driver_up", "gauge", "Whether a driver is in service.", up),
        Family(
            "hookflash_sip_requests_total",
            "counter",
            "SIP requests by direction and method; received ones with their repetitions.",
            tuple(requests),
        ),
        Family(
            "hookflash_sip_responses_total",
            "counter",
            "SIP responses by direction and status.",
            tuple(responses),
        ),
        Family(
            "hookflash_sip_calls_ended_total",
            "counter",
            "Legs that ended, by cause (names of Q.850 values).",
            tuple(causes),
        ),
        Family(
            "hookflash_driver_now",
            "gauge",
            "What a driver holds now: calls, transactions, registrations, banned sources.",
            tuple(present),
        ),
        Family(
            "hookflash_driver_events_total",
            "counter",
            "What else a driver counts: refusals, drops, repetitions.",
            tuple(events),
        ),
    ]
