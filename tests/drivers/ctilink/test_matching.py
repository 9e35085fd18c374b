import pytest

from drivers.ctilink.details import CallDetail, TerminalKey
from drivers.ctilink.matching import LARGEST_STORE, DetailStore
from drivers.errors import OptionsError

KEY = TerminalKey("001", "0001")


def detail(ani: str, key: TerminalKey = KEY) -> CallDetail:
    return CallDetail(desk=key.desk, terminal=key.terminal, kind="D", reason="direct", ani=ani)


def test_oldest_detail_of_a_port_comes_first_and_once() -> None:
    store = DetailStore()
    store.add(detail("1"), 0.0)
    store.add(detail("2"), 1.0)
    assert [found and found.ani for found in (store.take(KEY, 2.0) for _ in range(3))] == [
        "1",
        "2",
        None,
    ]


def test_same_terminal_of_another_desk_is_another_port() -> None:
    store = DetailStore()
    store.add(detail("1", TerminalKey("002", "0001")), 0.0)
    assert store.take(KEY, 1.0) is None
    assert store.take(TerminalKey("002", "0001"), 1.0) is not None


@pytest.mark.parametrize(("age", "there"), [(29.9, True), (30.0, False)])
def test_detail_expires(age: float, *, there: bool) -> None:
    store = DetailStore(expire_s=30.0)
    store.add(detail("1"), 100.0)
    assert (store.take(KEY, 100.0 + age) is not None) is there
    assert store.counts["expired"] == (0 if there else 1)


def test_detail_that_comes_late_goes_to_the_ring_that_waits() -> None:
    store, got = DetailStore(), []
    store.wait(KEY, got.append)
    store.add(detail("1"), 0.0)
    store.add(detail("2"), 0.0)
    assert [item.ani for item in got] == ["1"]
    assert len(store) == 1


def test_wait_that_was_given_up_takes_nothing() -> None:
    store, got = DetailStore(), []
    take = got.append
    store.wait(KEY, take)
    store.stop_waiting(KEY, take)
    store.add(detail("1"), 0.0)
    assert got == []
    assert store.take(KEY, 0.0) is not None


def test_store_is_bounded() -> None:
    store = DetailStore()
    for index in range(LARGEST_STORE + 5):
        store.add(detail(str(index)), 0.0)
    assert len(store) == LARGEST_STORE
    found = store.take(KEY, 0.0)
    assert found is not None
    assert found.ani == "5"


def test_key_is_padded() -> None:
    assert TerminalKey.from_text(" 1/7 ") == ("001", "0007")
    assert str(TerminalKey("001", "0007")) == "001/0007"


@pytest.mark.parametrize("text", ["", "1", "a/1", "1/", "1/12345", "1234/1"])
def test_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(OptionsError):
        TerminalKey.from_text(text)
