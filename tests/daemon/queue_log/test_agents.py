from daemon.queue_log.agents import AgentFloor, StateRow
from daemon.queue_log.lines import parse_line


def told(*states: tuple[int, str, str]) -> list[str]:
    floor = AgentFloor(lambda key: f"agent{key}", {7: ("sales", "support")})
    lines = [
        line
        for at, state, reason in states
        for line in floor.begin(
            StateRow(agent_id=7, state=state, reason=reason, station="2001", started_ms=at * 1000)
        )
    ]
    assert all(parse_line(line.text()) == line for line in lines)
    return [line.text() for line in lines]


def test_a_shift() -> None:
    assert told(
        (10, "paused", "login"),
        (12, "ready", ""),
        (20, "talking", ""),
        (40, "wrap_up", ""),
        (50, "ready", ""),
        (60, "paused", "lunch"),
        (70, "paused", "break"),
        (80, "logged_out", ""),
    ) == [
        "10|NONE|NONE|agent7|AGENTLOGIN|2001",
        "10|NONE|NONE|agent7|PAUSEALL|login",
        "10|NONE|sales|agent7|PAUSE|login",
        "10|NONE|support|agent7|PAUSE|login",
        "12|NONE|NONE|agent7|UNPAUSEALL|login",
        "12|NONE|sales|agent7|UNPAUSE|login",
        "12|NONE|support|agent7|UNPAUSE|login",
        "60|NONE|NONE|agent7|PAUSEALL|lunch",
        "60|NONE|sales|agent7|PAUSE|lunch",
        "60|NONE|support|agent7|PAUSE|lunch",
        "70|NONE|NONE|agent7|UNPAUSEALL|lunch",
        "70|NONE|sales|agent7|UNPAUSE|lunch",
        "70|NONE|support|agent7|UNPAUSE|lunch",
        "70|NONE|NONE|agent7|PAUSEALL|break",
        "70|NONE|sales|agent7|PAUSE|break",
        "70|NONE|support|agent7|PAUSE|break",
        "80|NONE|NONE|agent7|UNPAUSEALL|break",
        "80|NONE|sales|agent7|UNPAUSE|break",
        "80|NONE|support|agent7|UNPAUSE|break",
        "80|NONE|NONE|agent7|AGENTLOGOFF|2001|70",
    ]


def test_who_stays_logged_out_says_nothing() -> None:
    assert told((10, "logged_out", ""), (20, "logged_out", "")) == []
