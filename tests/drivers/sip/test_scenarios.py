"""Every SIPp scenario checks what each 2xx answers: a late one must not stand for another."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

SCENARIOS = sorted((Path(__file__).parents[2] / "e2e" / "scenarios").glob("*.xml"))
PARTS = {
    "caller": "uac",
    "agent": "uas",
    "trunk behind a proxy": "uas_routed",
    "transferor": "uac_transferor",
    "transferee": "uac_transferee",
    "telephones that register": "register_many",
    "PRACK": "uac_prack",
    "UPDATE": "uac_update",
    "session timers": "uac_timer",
    "third party": "3pcc_a",
}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_success_is_checked_by_its_cseq(path: Path) -> None:
    for expected in ET.parse(path).getroot().iter("recv"):
        if not expected.get("response", "").startswith("2"):
            continue
        checks = [
            one.get("regexp", "")
            for one in expected.iter("ereg")
            if one.get("header") == "CSeq:" and one.get("check_it") == "true"
        ]
        assert len(checks) == 1, f"{path.name}: a {expected.get('response')} is not checked"
        number, method = checks[0].removeprefix("^ *").split(" ")
        assert number.isdigit()
        assert method in {
            "INVITE",
            "BYE",
            "CANCEL",
            "REGISTER",
            "PRACK",
            "UPDATE",
            "NOTIFY",
            "REFER",
        }


def test_every_part_that_a_peer_can_play_has_its_scenario() -> None:
    assert set(PARTS.values()) <= {path.stem for path in SCENARIOS}
