"""Changed descriptions do no harm to offer and answer; ``make fuzz`` does the same for longer."""

from tests.fuzz.descriptions import run


def test_changed_descriptions_are_agreed_or_refused() -> None:
    tried, agreed = run(0.5, seed=4568)
    assert tried > 100
    assert agreed > 10
