"""Explorers that are heard: on a page, each player has a sound of its own that can be played."""

import pytest
from support.explorer_registry import SELF_SUPERVISION
from support.live import Live

MAKE = {name: SELF_SUPERVISION[name] for name in ("future", "melody")}

# What a player plays, decoded by the browser, and what it tells a screen reader.
DECODED = """async (audio) => {
    const file = await (await fetch(audio.src)).arrayBuffer();
    const context = new OfflineAudioContext(1, 1, 8000);
    const sound = await context.decodeAudioData(file);
    const samples = sound.getChannelData(0);
    return {
        seconds: sound.duration,
        loudest: samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
        own: audio.src.startsWith("data:audio/wav;base64,"),
        shown: audio.controls,
        paused: audio.paused,
        name: audio.getAttribute("aria-label"),
    };
}"""
# Plays until some of it has been heard.
PLAYED = """async (audio) => {
    await audio.play();
    for (let turn = 0; turn < 200 && audio.currentTime === 0; turn++)
        await new Promise((done) => setTimeout(done, 20));
    const heard = audio.currentTime > 0 || audio.ended;
    audio.pause();
    return heard;
}"""


def sounds(live):
    """What each player of an explorer plays, once it shows what Python has."""
    live.settle()
    players = live.output.locator("audio")
    return [player.evaluate(DECODED) for player in players.all()]


def assert_playable(found, names):
    assert [sound["name"] for sound in found] == names
    for sound in found:
        assert sound["own"]
        assert sound["shown"]
        assert sound["paused"]  # nothing plays by itself
        assert sound["seconds"] > 0.02
        assert 0.02 < sound["loudest"] <= 1


FUTURE = ["heard so far", "what truly follows", "what the network chooses"]
MELODY = ["heard", *(f"heard, then {letter}" for letter in "ABCD")]


def test_a_moment_is_pressed_and_the_rest_of_the_melody_is_unheard(explorers):
    live = Live(explorers, "future")
    assert_playable(sounds(live), FUTURE)
    live.click("ax", 2.4, 300)
    assert live.value("present") == live.state("present") == 2
    early = sounds(live)[0]["seconds"]
    live.drag("ax", (2.4, 300), (5.6, 300))
    assert live.state("present") == 5
    late = sounds(live)
    assert_playable(late, FUTURE)
    assert late[0]["seconds"] == pytest.approx(early * 6 / 3, rel=0.02)
    live.click("bar_ax", 4.5, 0.5)
    assert live.state("present") == 4


def test_steps_and_negatives_reach_both_ends(explorers):
    live = Live(explorers, "future")
    for name in ("step", "negatives", "present"):
        for end, distance in zip(live.ends(name), (-800, 800), strict=True):
            live.drag_slider(name, distance)
            live.wait_for_value(name, end)
            assert_playable(sounds(live), FUTURE)
            live.assert_sound()
    live.click("bound_ax", 3, 0.5)
    assert live.state("negatives") == 3
    live.click("step_ax", 2, 0.5)
    assert live.state("step") == 2
    live.assert_sound()


@pytest.mark.parametrize("name", MAKE)
def test_every_player_plays(explorers, name):
    live = Live(explorers, name)
    live.settle()
    for player in live.output.locator("audio").all():
        assert player.evaluate(PLAYED)


def test_keys_belong_to_the_player_that_has_the_focus(explorers):
    """The space bar plays; it neither scrolls nor runs a command of JupyterLab."""
    live = Live(explorers, "melody")
    live.settle()
    player = live.output.locator("audio").first
    player.focus()
    explorers.page.keyboard.press("Space")
    explorers.page.wait_for_function(
        "(audio) => audio.played.length > 0", arg=player.element_handle()
    )
    assert live.state("answer") == ""
    # the next test finds the page as it was, however soon it comes
    explorers.page.wait_for_function("(audio) => audio.paused", arg=player.element_handle())


def test_an_answer_is_given_and_the_truth_is_shown(explorers):
    live = Live(explorers, "melody")
    assert_playable(sounds(live), MELODY)
    assert "right one" not in live.readout()
    before = live.settle()
    live.press("B is right")
    live.wait_for_change(before)
    live.settle()
    assert live.state("answer") == "B"
    assert live.state("truth") in "ABCD"
    assert live.readout().count("you chose B") == 1
    first = explorers.ask("melody.players.value")
    live.press("next question")
    live.wait_for_value("question", 2)
    assert_playable(sounds(live), MELODY)
    assert explorers.ask("melody.players.value") != first
    assert live.state("answer") == ""


STARTED = """async (audio) => {
    audio.loop = true;  // a short sound must not end by itself
    await audio.play();
}"""


def test_a_player_that_starts_stops_the_others(explorers):
    """Two sounds at once are none."""
    live = Live(explorers, "melody")
    live.settle()
    first, second = live.output.locator("audio").all()[:2]
    first.evaluate(STARTED)
    assert not first.evaluate("audio => audio.paused")
    second.evaluate(STARTED)
    second.page.wait_for_timeout(200)
    assert first.evaluate("audio => audio.paused")
    assert not second.evaluate("audio => audio.paused")
    second.evaluate("audio => audio.pause()")
