"""What a flow says and listens for, found before anybody calls."""

from pathlib import Path

from daemon.control.flows.preparation import fixed_texts, grammars
from ivr.flow import load_flow

ROOT = Path(__file__).parents[3]
FLOW = load_flow((ROOT / "daemon/defaults/flows/main.yaml").read_text(), "main")


def test_fixed_texts_are_found_once_in_each_language() -> None:
    english, chinese = fixed_texts(FLOW, "en"), fixed_texts(FLOW, "zh")
    assert "Welcome. Thank you for calling." in english
    assert "I did not hear anything." in english
    assert len(english) == len(set(english)) == len(chinese)
    assert all("{" not in text for text in english + chinese)


def test_grammars_hold_every_phrase_of_a_menu() -> None:
    (node, phrases), *others = grammars(FLOW, "en")
    assert others == []
    assert node == "menu"
    assert set(phrases) == {"sales", "support", "billing", "message"}
