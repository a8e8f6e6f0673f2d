"""Melody asks the learner's ear before it shows anything, and keeps the score."""

import pytest
import torch
from support.explorer_registry import waves

from mlteach import data
from mlteach.explorers import Melody
from mlteach.explorers.selfsup.melody import AFTER, HEARD, KINDS, LETTERS, OTHER, SAME

pytestmark = pytest.mark.usefixtures("unlaid")

NOTE = 32


@pytest.fixture
def explorer():
    return Melody(waves(6), note=NOTE, questions=6)


def own(explorer):
    """What the melody of the present question really goes on with."""
    begin = 0 if explorer.controls["wrong"].value == SAME else len(explorer.waves) // 2
    asked = (begin + explorer.controls["question"].value - 1) % len(explorer.waves)
    return explorer.waves[asked][HEARD * NOTE : (HEARD + AFTER) * NOTE]


def truth(explorer):
    """The letter of the way that is the melody's own."""
    (place,) = [i for i, way in enumerate(explorer.asked.ways) if torch.equal(way, own(explorer))]
    return LETTERS[place]


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_one_way_is_the_melodys_own(explorer, kind):
    """And is said to be it once answered; the places of the truth differ."""
    explorer.controls["wrong"].value = kind
    places = set()
    for number in range(1, 7):
        explorer.controls["question"].value = number
        assert [len(way) for way in explorer.asked.ways] == [AFTER * NOTE] * 4
        assert len(explorer.asked.heard) == HEARD * NOTE
        right = truth(explorer)
        places.add(right)
        explorer.controls["A"].click()
        state = explorer.state
        assert (state["answer"], state["truth"], state["right"]) == ("A", right, right == "A")
    assert len(places) > 2
    assert explorer.state["score"][kind][0] == 6


def test_wrong_ways_come_from_where_the_list_says(explorer):
    for number, kind in ((2, SAME), (2, OTHER)):
        explorer.controls["wrong"].value, explorer.controls["question"].value = kind, number
        asked = explorer.waves[1 if kind == SAME else 4]
        shifted = [asked[(HEARD + s) * NOTE : (HEARD + s + AFTER) * NOTE] for s in (1, 2, 3)]
        others = [
            w[HEARD * NOTE : (HEARD + AFTER) * NOTE] for w in explorer.waves if w is not asked
        ]
        allowed = shifted if kind == SAME else others
        wrong = [way for way in explorer.asked.ways if not torch.equal(way, own(explorer))]
        assert len(wrong) == 3
        for way in wrong:
            assert any(torch.equal(way, other) for other in allowed)


def test_before_the_answer_nothing_tells_the_truth(explorer):
    """No spectrogram, no frame, no letter in the read-out."""
    assert (explorer.state["answer"], explorer.state["truth"]) == ("", "")
    assert explorer.state["right"] is None
    assert not any(image.get_visible() for image in explorer.images)
    assert not any(box.get_visible() for box in explorer.boxes)
    assert all(line.get_visible() for line in explorer.lines)
    assert "right one is" not in explorer.canvas.alt


def test_after_a_wrong_answer_both_are_framed_and_the_first_counts(explorer):
    right = truth(explorer)
    wrong = next(letter for letter in LETTERS if letter != right)
    explorer.controls[wrong].click()
    explorer.controls[right].click()
    assert explorer.state["answer"] == wrong
    assert explorer.state["score"][SAME] == (1, 0)
    framed = [
        name for name, box in zip("-" + LETTERS, explorer.boxes, strict=True) if box.get_visible()
    ]
    assert framed == sorted([right, wrong])
    assert all(image.get_visible() for image in explorer.images)
    assert f"you chose {wrong}, the right one is {right}" in explorer.canvas.alt


def test_the_score_is_kept_by_kind_and_an_answer_is_found_again(explorer):
    explorer.controls[truth(explorer)].click()
    explorer.controls["next"].click()
    assert explorer.state["question"] == 2
    assert explorer.state["answer"] == ""
    explorer.controls["wrong"].value = OTHER
    right = truth(explorer)
    explorer.controls[next(letter for letter in LETTERS if letter != right)].click()
    assert explorer.state["score"] == {SAME: (1, 1), OTHER: (1, 0)}
    assert [bar.get_width() for bar in explorer.bars] == [1, 0]
    explorer.controls["wrong"].value, explorer.controls["question"].value = SAME, 1
    assert explorer.state["right"] is True


def test_one_game_gives_no_answer_of_the_other_away():
    """Among the questions of one kind there is no melody of the other kind."""
    explorer = Melody(waves(12), note=NOTE, questions=6)
    heard = {}
    for kind in KINDS:
        explorer.controls["wrong"].value = kind
        for number in range(1, 7):
            explorer.controls["question"].value = number
            heard[kind, number] = explorer.asked.heard
    same, other = ([part for (k, _), part in heard.items() if k == kind] for kind in KINDS)
    assert not any(torch.equal(a, b) for a in same for b in other)


def test_next_passes_what_is_answered_and_the_last_answer_is_the_end(explorer):
    """No question comes twice, those left out come again, and the other game is a new one."""
    for number in (2, 3, 6):
        explorer.controls["question"].value = number
        explorer.controls["A"].click()
    asked = []
    for _ in range(3):
        explorer.controls["next"].click()
        asked.append(explorer.state["question"])
        assert explorer.state["answer"] == ""
        assert "questions are answered" not in explorer.canvas.alt
        explorer.controls["B"].click()
    assert asked == [1, 4, 5]
    score = explorer.state["score"][SAME]
    assert "all 6 questions are answered" in explorer.canvas.alt
    assert f"{SAME} {score[1]} of 6" in explorer.canvas.alt
    explorer.controls["next"].click()
    assert explorer.state["question"] == 5
    explorer.controls["wrong"].value = OTHER
    assert "questions are answered" not in explorer.canvas.alt
    explorer.controls["next"].click()
    assert explorer.state["question"] == 6


def test_the_players_change_with_the_question_only(explorer):
    first = explorer.players.value
    assert first.count("<audio") == 5
    explorer.controls["A"].click()
    assert explorer.players.value == first
    explorer.controls["next"].click()
    assert explorer.players.value != first
    assert explorer.players.value.count("<audio") == 5


def test_an_incomplete_first_note_is_left_out():
    tones = data.tones(4, n_notes=13, noise=0.0)
    explorer = Melody(tones)
    for wave, original, start in zip(
        explorer.waves, tones.waves, tones.factors["start"], strict=True
    ):
        begin = round((-start.item() % 1) * 256)
        assert len(wave) == 13 * 256 - begin
        assert torch.equal(wave, original[0, begin:].double())
        # a note is struck: silence grows into sound
        assert wave[:4].abs().max() < 0.5 * wave[16:80].abs().max()


def test_continuations_of_the_same_melody_are_four_different_ones():
    """Each begins with another note of the tune; which notes there are tells nothing."""
    explorer = Melody(data.tones(8, n_notes=13, noise=0.0))
    for number in range(1, 9):
        explorer.controls["question"].value = number
        spectra = [torch.fft.rfft(way.view(AFTER, 256)).abs() for way in explorer.asked.ways]
        pitches = [sorted(spectrum.argmax(1).tolist()) for spectrum in spectra]
        assert all(found == pitches[0] for found in pitches)
        first = [torch.fft.rfft(way[:256]).abs() for way in explorer.asked.ways]
        alike = [torch.cosine_similarity(a, b, 0) for a in first for b in first if a is not b]
        assert max(alike) < 0.97


@pytest.mark.parametrize(
    ("given", "error", "part"),
    [
        ({"sequences": None}, TypeError, "sequences must be Sequences"),
        ({"sequences": waves(3)}, ValueError, "at least 4 waves"),
        ({"note": 36}, ValueError, "432 samples of whole notes"),
        ({"note": 0}, ValueError, "note must be"),
        ({"questions": 0}, ValueError, "questions must be"),
        ({"questions": 2.5}, TypeError, "questions must be"),
    ],
)
def test_what_does_not_fit_is_refused(given, error, part):
    arguments = {"sequences": waves(6), "note": NOTE} | given
    with pytest.raises(error, match=part):
        Melody(arguments.pop("sequences"), **arguments)
