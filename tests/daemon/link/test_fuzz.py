from tests.fuzz.__main__ import run


def test_changed_packets_are_refused_or_read_as_they_are() -> None:
    tried, accepted = run(0.2, seed=20261122)
    assert tried >= 1000
    assert 0 < accepted < tried
