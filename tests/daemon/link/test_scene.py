"""What media held comes back as it was: any story of commands, told again, gives the same."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.messages import Command, MediaEvent, Reply
from daemon.link.scene import Scene
from drivers.api import PortId

PORTS = st.integers(1, 4).map(PortId)
NUMBERS = st.integers(1, 4)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(ask.OpenRtp, port=PORTS),
    st.builds(ask.OpenDtls, port=PORTS),
    st.builds(
        ask.ConnectRtp,
        port=PORTS,
        host=st.just("192.0.2.9"),
        rtp_port=st.just(4000),
        payload_type=st.just(8),
        codec=st.just("PCMA"),
    ),
    st.builds(ask.ClosePort, port=PORTS),
    st.builds(ask.Play, port=PORTS, player=NUMBERS, files=st.just(("a",))),
    st.builds(
        ask.PlayTone,
        port=PORTS,
        player=NUMBERS,
        frequencies=st.just(((425.0, 0.0),)),
        cadence_ms=st.just(()),
    ),
    st.builds(ask.StopPlay, player=NUMBERS),
    st.builds(ask.Bridge, bridge=NUMBERS, a=PORTS, b=PORTS),
    st.builds(
        ask.Join,
        bridge=NUMBERS,
        port=PORTS,
        part=st.sampled_from(["talks", "listens", "whispers"]),
        agent=PORTS,
    ),
    st.builds(ask.Leave, port=PORTS),
    st.builds(ask.Unbridge, bridge=NUMBERS),
    st.builds(ask.SetGain, bridge=NUMBERS, heard=PORTS, by=PORTS, gain_db=st.just(-6.0)),
    st.builds(ask.ArmBargeIn, port=PORTS, on=st.booleans()),
    st.builds(ask.WatchFax, port=PORTS, on=st.booleans()),
    st.builds(ask.Attend, port=PORTS, level=st.booleans(), speaker=st.booleans()),
)
EVENTS: st.SearchStrategy[MediaEvent] = st.one_of(
    st.builds(told.PlayFinished, player=NUMBERS, port=PORTS, reason=st.just("finished")),
    st.builds(told.PortClosed, port=PORTS, reason=st.just("unclaimed")),
    st.builds(told.SpeechStarted, port=PORTS),
    st.builds(told.FaxTone, port=PORTS, tone=st.just("cng")),
)


def reply_to(command: Command) -> Reply:
    if isinstance(command, ask.OpenRtp):
        return told.RtpOpened(host="192.0.2.1", rtp_port=command.rtp_port or 6000 + command.port)
    if isinstance(command, ask.OpenDtls):
        return told.DtlsOpened(
            fingerprint="sha-256 AB", ufrag=command.ufrag or "user", password="p" * 22
        )
    return told.Done()


def note(scene: Scene, *commands: Command) -> Scene:
    for command in commands:
        scene.note(command, reply_to(command))
    return scene


def again(scene: Scene) -> list[Command]:
    return [*scene.openings(), *scene.settings()]


@given(st.lists(COMMANDS | EVENTS, max_size=40))
def test_any_story_told_again_gives_the_same_scene(story: list[Command | MediaEvent]) -> None:
    scene = Scene()
    for happened in story:
        if isinstance(happened, MediaEvent):
            scene.happened(happened)
        else:
            note(scene, happened)
    first = again(scene)
    other = note(Scene(), *first)
    # Whoever is told first may be another one in the copy, but nothing is lost or added.
    assert sorted(map(repr, again(other))) == sorted(map(repr, first))
    for port in range(1, 5):
        note(scene, ask.ClosePort(port=PortId(port)))
    assert again(scene) == []


def test_port_comes_back_at_its_address_with_what_it_did() -> None:
    port, other = PortId(1), PortId(2)
    connect = ask.ConnectRtp(port=port, host="h", rtp_port=1, payload_type=8, codec="PCMA")
    play = ask.Play(port=port, player=9, files=("music",), repeat=0)
    scene = note(
        Scene(),
        ask.OpenRtp(port=port),
        ask.OpenRtp(port=other),
        connect,
        ask.Join(bridge=5, port=port, part="whispers", agent=other),
        ask.Join(bridge=5, port=other),
        ask.Play(port=port, player=8, files=("hello",)),
        play,
    )
    assert again(scene) == [
        ask.OpenRtp(port=port, rtp_port=6001),
        ask.OpenRtp(port=other, rtp_port=6002),
        connect,
        ask.Join(bridge=5, port=other),
        ask.Join(bridge=5, port=port, part="whispers", agent=other),
        play,
    ]
    scene.happened(told.PlayFinished(player=8, port=port, reason="replaced"))
    assert play in again(scene)
    scene.happened(told.PlayFinished(player=9, port=port, reason="finished"))
    assert play not in again(scene)


def test_stream_that_began_with_its_port_comes_back_behind_all_ports() -> None:
    port, other = PortId(1), PortId(2)
    stream = ask.ConnectRtp(port=port, host="h", rtp_port=1, payload_type=8, codec="PCMA")
    opened = ask.OpenRtp(port=port, stream=stream)
    scene = note(Scene(), opened, ask.OpenRtp(port=other))
    back = [
        ask.OpenRtp(port=port, rtp_port=6001),
        ask.OpenRtp(port=other, rtp_port=6002),
    ]
    assert again(scene) == [*back, stream]
    changed = msgspec.structs.replace(stream, host="elsewhere")
    assert again(note(scene, changed)) == [*back, changed]


def test_a_granted_port_comes_back_where_it_was() -> None:
    opened = ask.OpenRtp(port=PortId(1), rtp_port=4000, granted=True)
    scene = Scene()
    scene.note(opened, told.Done())
    assert again(scene) == [ask.OpenRtp(port=PortId(1), rtp_port=4000)]


def test_what_is_said_in_controls_absence_is_known_to_the_next_process() -> None:
    said = ask.SayWhileAway(files=("b",))
    assert again(note(Scene(), ask.SayWhileAway(files=("a",)), said)) == [said]


def test_credentials_of_ice_stay_the_same() -> None:
    port = PortId(1)
    scene = note(Scene(), ask.OpenRtp(port=port), ask.OpenDtls(port=port))
    assert ask.OpenDtls(port=port, ufrag="user", password="p" * 22) in again(scene)


def test_snapshot_says_what_an_earlier_process_asked_for() -> None:
    port, other = PortId(1), PortId(2)
    scene = note(Scene(), ask.Join(bridge=3, port=port, part="listens"))
    scene.recall(
        told.Snapshot(
            last_event=0,
            ports=(
                told.PortState(port=port, kind="rtp", host="192.0.2.1", rtp_port=6000),
                told.PortState(port=other, kind="device"),
            ),
            bridges=(told.BridgeState(bridge=3, ports=(port, other)),),
        )
    )
    assert scene.rtp_ports == {port}
    assert again(scene) == [
        ask.OpenRtp(port=port, rtp_port=6000),
        ask.Join(bridge=3, port=port, part="listens"),
        ask.Join(bridge=3, port=other),
    ]
