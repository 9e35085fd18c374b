"""Wrong passwords by account and source: an office behind one address, scanners; time passed in."""

from drivers.sip.options import SipOptions
from drivers.sip.transport.bans import KEPT, REMEMBERED_S, Bans
from drivers.sip.transport.guesses import (
    SEVERAL,
    SEVERAL_IN_OFFICE,
    WINDOW,
    Counted,
    Guesses,
    name_at,
    office_test,
)

OFFICE = "203.0.113.9"
STATIONS = frozenset({"2001", "2002", "2003", "2004"})
NOTHING = Counted(blames_source=False, banned="")


def bans(after: int) -> Bans:
    return Bans(after=after, seconds=60.0, may_ban=lambda name: True, window=WINDOW)


def guesses(
    registered: frozenset[tuple[str, str]] = frozenset(),
    offices: tuple[str, ...] = (),
    **after: int,
) -> Guesses:
    return Guesses(
        at_source=bans(after.get("at_source", 4)),
        accounts=bans(after.get("accounts", 6)),
        is_account=STATIONS.__contains__,
        is_registered=lambda account, host: (account, host) in registered,
        is_office=office_test(offices),
    )


def test_one_telephone_is_refused_and_its_office_is_not_to_blame() -> None:
    made = guesses()
    told = [made.wrong("2001", OFFICE, now) for now in (0.0, 1.0, 2.0, 3.0)]
    assert told == [NOTHING] * 3 + [Counted(blames_source=False, banned=name_at("2001", OFFICE))]
    assert made.wait("2001", OFFICE, 3.5) == 59.5
    assert made.wait("2002", OFFICE, 3.5) == 0.0  # its neighbour is heard,
    assert made.wait("2001", "198.51.100.7", 3.5) == 0.0  # and so is the account elsewhere
    assert made.wait("2001", OFFICE, 63.0) == 0.0


def test_refused_telephone_that_goes_on_blames_neither_source_nor_account() -> None:
    made = guesses()
    for number in range(50):
        assert not made.wrong("2001", OFFICE, number / 10).blames_source
    assert [ban.name for ban in made.active(5.0)] == [name_at("2001", OFFICE)]
    assert made.wait("2001", "198.51.100.7", 5.0) == 0.0


def test_account_guessed_at_from_many_sources_is_refused_everywhere() -> None:
    made = guesses()
    told = [made.wrong("2001", f"198.51.100.{number}", float(number)) for number in range(6)]
    assert told == [NOTHING] * 5 + [Counted(blames_source=False, banned="2001")]
    assert made.wait("2001", OFFICE, 5.0) == 60.0


def test_source_is_to_blame_from_several_accounts_on() -> None:
    made = guesses()
    names = ["2001", "2002", "2001", "2002", "2003", "2001"]
    blamed = [made.wrong(name, OFFICE, 0.0).blames_source for name in names]
    assert blamed == [False] * 4 + [True] * 2
    assert SEVERAL == 3
    # An account is forgotten when it did not fail for the whole window.
    assert not made.wrong("2001", OFFICE, WINDOW + 1).blames_source


def test_names_that_no_station_has_are_to_blame_at_once() -> None:
    made = guesses()
    assert made.wrong("100", OFFICE, 0.0).blames_source
    assert made.wrong("", OFFICE, 0.0) == Counted(blames_source=True, banned="")


def test_misspelt_name_of_an_office_is_refused_and_its_source_is_not_to_blame() -> None:
    made = guesses(offices=("192.168.0.0/16", "2001:db8:1::/48"))
    offices = ("192.168.1.20", "2001:db8:1::7", "2001:db8:1::7%eth0")
    for name, office in zip(("20001", "20002", "20003"), offices, strict=True):
        told = [made.wrong(name, office, 0.0) for _ in range(30)]
        assert not any(counted.blames_source for counted in told)
        # It is slowed: after four the name is refused there, like a wrong password.
        assert [counted.banned for counted in told if counted.banned] == [name_at(name, office)]
        assert made.wait("2001", office, 0.0) == 0.0
    # Without any name it is no telephone, and elsewhere it is as before.
    assert made.wrong("", "192.168.1.20", 0.0).blames_source
    assert made.wrong("20001", OFFICE, 0.0).blames_source


def test_office_is_to_blame_when_very_many_names_fail_there() -> None:
    made = guesses(offices=(OFFICE,))
    blamed = [made.wrong(f"9{number}", OFFICE, 0.0).blames_source for number in range(21)]
    assert blamed == [False] * (SEVERAL_IN_OFFICE - 1) + [True] * 2


def test_private_networks_are_offices_of_a_fresh_site() -> None:
    office = office_test(SipOptions().offices)
    inside = ("10.1.2.3", "172.31.0.9", "192.168.1.20", "fd00::7", "fe80::1%eth0")
    assert [office(host) for host in inside] == [True] * 5
    outside = ("203.0.113.9", "172.32.0.1", "127.0.0.1", "2001:db8::7")
    assert [office(host) for host in outside] == [False] * 4


def test_scanner_is_banned_as_fast_as_before() -> None:
    """Through the bans of sources with their usual limits, a guess a tenth of a second."""
    for name in (lambda number: "100", lambda number: str(2000 + number)):
        made, sources, number = guesses(), Bans(after=20, seconds=600.0, may_ban=bool), 0
        while not sources.is_banned(OFFICE, number / 10):
            if made.wrong(name(number), OFFICE, number / 10).blames_source:
                sources.blame(OFFICE, number / 10)
            number += 1
        assert number <= 22


def test_one_name_never_blames_a_source_that_an_account_registered_from() -> None:
    made = guesses()
    made.right("2002", OFFICE, 0.0)
    assert not any(made.wrong("misspelt", OFFICE, 1.0).blames_source for _ in range(50))
    made.wrong("2003", OFFICE, 2.0)
    assert made.wrong("100", OFFICE, 2.0).blames_source  # several names are another matter
    assert not made.wrong("100", OFFICE, WINDOW + 3).blames_source
    assert made.wrong("100", OFFICE, REMEMBERED_S + 1).blames_source


def test_right_password_forgives_the_account_at_its_source_alone() -> None:
    made = guesses()
    for host in (OFFICE, "198.51.100.7"):
        for _ in range(2):
            made.wrong("2001", host, 0.0)
    made.right("2001", OFFICE, 0.0)
    made.wrong("2001", OFFICE, 1.0)
    assert made.wait("2001", OFFICE, 1.0) == 0.0
    assert made.wrong("2001", "198.51.100.7", 1.0).banned == "2001"  # the sixth of the account
    assert made.active(1.0)[0].name == "2001"


def test_registered_telephone_is_heard_whatever_others_guess() -> None:
    made = guesses(frozenset({("2001", OFFICE)}))
    assert [made.wrong("2001", OFFICE, 0.0) for _ in range(50)] == [NOTHING] * 50
    for number in range(6):
        made.wrong("2001", f"198.51.100.{number}", 0.0)
    assert made.wait("2001", OFFICE, 0.0) == 0.0
    assert made.wait("2001", "192.0.2.1", 0.0) == 60.0


def test_refusals_are_released_by_the_name_they_are_shown_with() -> None:
    made = guesses()
    for _ in range(4):
        made.wrong("2001", OFFICE, 0.0)
    (ban,) = made.active(0.0)
    assert made.left(ban.name, 10.0) == 50.0
    assert made.release(ban.name)
    assert not made.release(ban.name)
    assert made.wait("2001", OFFICE, 0.0) == 0.0


def test_memory_is_bounded_however_many_sources_and_names_there_are() -> None:
    made = guesses()
    for number in range(2 * KEPT):
        made.wrong("2001", f"first-{number}", 0.0)
        made.right("2001", f"proved-{number}", 0.0)
        made.wrong(f"name-{number}", OFFICE, 0.0)
    assert len(made._failing) == len(made._proved) == KEPT
    assert max(map(len, made._failing.values())) == SEVERAL
