"""The checks of the chapter beyond images pass what is right, name each mistake, never raise."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import losses
from mlteach.checks import ch13_beyond_images as chapter_13
from mlteach.mistakes import mistakes_in
from mlteach.mistakes import zero_shot as definitions


def right_clip(image, text, temperature):
    s = torch.cosine_similarity(image[:, None], text[None], dim=2) / temperature
    return (s.logsumexp(0) + s.logsumexp(1)).mean() / 2 - s.diagonal().mean()


def right_siglip(image, text, temperature, bias):
    logits = torch.cosine_similarity(image[:, None], text[None], dim=2) / temperature + bias
    target = torch.eye(len(image))
    return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(image)


def right_zero_shot(image, prompts):
    return torch.tensor([int(torch.cosine_similarity(x[None], prompts).argmax()) for x in image])


def right_recall(similarities, k):
    hits = [i in row.topk(k).indices.tolist() for i, row in enumerate(similarities)]
    return sum(hits) / len(hits)


RIGHT = {
    "clip_loss": right_clip,
    "siglip_loss": right_siglip,
    "zero_shot": right_zero_shot,
    "recall_at_k": right_recall,
}
MISTAKES = {
    "clip_loss": mistakes_in(losses.clip_loss),
    "siglip_loss": mistakes_in(losses.siglip_loss),
    "zero_shot": mistakes_in(definitions.zero_shot),
    "recall_at_k": mistakes_in(definitions.recall_at_k),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_floats_are_no_numbers_of_prompts():
    verdict = chapter_13.zero_shot(lambda *parts: right_zero_shot(*parts).float())
    assert not verdict.passed
    assert "none of them can be an index" in verdict.message
    verdict = chapter_13.zero_shot(lambda *parts: (right_zero_shot(*parts) + 0.5).tolist())
    assert not verdict.passed


# --- other right answers -------------------------------------------------------------------------


def test_hyperparameters_may_be_keywords_and_a_recall_may_be_sorted_out():
    def clip(image, text, *, temperature):
        return right_clip(image, text, temperature)

    def siglip(image, text, *, temperature, bias):
        return right_siglip(image, text, temperature, bias)

    def recall(similarities, *, k):
        rank = similarities.argsort(dim=1, descending=True).argsort(dim=1).diagonal()
        return (rank < k).float().mean()

    def zero_shot(image, prompts):
        distances = torch.cdist(F.normalize(image), F.normalize(prompts))
        return distances.argmin(1)

    for name, given in {
        "clip_loss": clip,
        "siglip_loss": siglip,
        "recall_at_k": recall,
        "zero_shot": zero_shot,
    }.items():
        verdict = getattr(chapter_13, name)(given)
        assert verdict.passed, verdict


def test_images_need_no_length_to_find_their_prompt():
    """The largest product of an image with prompts of length 1 is its largest cosine."""
    assert chapter_13.zero_shot(lambda image, t: (image @ F.normalize(t).T).argmax(1)).passed
    assert chapter_13.zero_shot(
        lambda image, t: torch.cdist(image, F.normalize(t)).argmin(1)
    ).passed


# --- wrong answers that no list has --------------------------------------------------------------


def clip_by_exp(image, text, temperature):
    s = (F.normalize(image) @ F.normalize(text).T / temperature).exp()
    own = s.diagonal()
    return -((own / s.sum(0)).log() + (own / s.sum(1)).log()).mean() / 2


def siglip_by_exp(image, text, temperature, bias):
    logits = F.normalize(image) @ F.normalize(text).T / temperature + bias
    labels = 2 * torch.eye(len(image)) - 1
    return (1 + (-labels * logits).exp()).log().sum() / len(image)


def siglip_by_sigmoid(image, text, temperature, bias):
    logits = F.normalize(image) @ F.normalize(text).T / temperature + bias
    labels = 2 * torch.eye(len(image)) - 1
    return -(labels * logits).sigmoid().log().sum() / len(image)


def test_an_overflow_is_told():
    """Of a softmax written out at 0.01, where logits reach 100; and of a sigmoid's logarithm."""
    for given, check, part in (
        (clip_by_exp, chapter_13.clip_loss, "exp of a large logit"),
        (siglip_by_exp, chapter_13.siglip_loss, "F.logsigmoid"),
        (siglip_by_sigmoid, chapter_13.siglip_loss, "F.logsigmoid"),
    ):
        verdict = check(given)
        assert not verdict.passed
        assert part in verdict.message, verdict


def logits(image, text, temperature):
    return F.normalize(image) @ F.normalize(text).T / temperature


def test_a_probability_that_is_0_is_told():
    """The softmax itself does not overflow; its logarithm is infinite where a text is far off."""

    def given(image, text, temperature):
        s = logits(image, text, temperature)
        return -(s.softmax(0).diagonal().log() + s.softmax(1).diagonal().log()).mean() / 2

    verdict = chapter_13.clip_loss(given)
    assert not verdict.passed
    assert "a probability that is 0 has no finite logarithm" in str(verdict)


@pytest.mark.parametrize("small", [1e-6, 1e-8])
def test_a_small_number_before_the_logarithm_is_told(small):
    def given(image, text, temperature):
        s = logits(image, text, temperature)
        rows, columns = ((s.softmax(dim).diagonal() + small).log() for dim in (0, 1))
        return -(rows + columns).mean() / 2

    verdict = chapter_13.clip_loss(given)
    assert not verdict.passed
    assert "is a small number added before a logarithm" in str(verdict)


def test_a_diagonal_that_counts_a_little_is_not_called_ignored():
    """Only candidates above the diagonal count: raised it changes nothing, lowered it does."""
    verdict = chapter_13.recall_at_k(
        lambda s, k: ((s.triu() > s.diagonal()[:, None]).sum(1) < k).float().mean()
    )
    assert not verdict.passed
    assert "stays the same" not in str(verdict)


def test_numbers_for_tensors_are_told():
    """No gradient flows through .item()."""
    for check, right, more in (
        (chapter_13.clip_loss, right_clip, (0.5,)),
        (chapter_13.siglip_loss, right_siglip, (0.5, -1.0)),
    ):
        del more
        verdict = check(lambda *arguments, right=right: right(*arguments).item())
        assert "no gradient can flow through it" in verdict.message


@pytest.mark.parametrize("learned", ["temperature", "bias"])
def test_a_learned_number_must_get_a_gradient(learned):
    """A learned temperature or bias comes as a tensor, and float(…) stops its gradient."""
    losses_of = {"siglip_loss": lambda *given: losses.siglip_loss(*given[:2], **options(*given))}

    def options(image, text, temperature, bias):
        numbers = {"temperature": temperature, "bias": bias}
        return {name: float(n) if name == learned else n for name, n in numbers.items()}

    if learned == "temperature":
        losses_of["clip_loss"] = lambda *given: right_clip(*given[:2], float(given[2]))
    for name, given in losses_of.items():
        verdict = getattr(chapter_13, name)(given)
        assert not verdict.passed
        assert f"no gradient arrives at `{learned}`" in verdict.message
        assert learned in verdict.where


def test_a_learned_number_has_the_learners_name():
    verdict = chapter_13.clip_loss(lambda image, text, tau: right_clip(image, text, float(tau)))
    assert "no gradient arrives at `tau`" in verdict.message


# --- numbers -------------------------------------------------------------------------------------


def test_the_chance_by_counting_all_places():
    """Of 128 places that a caption may have in a ranking, five are the first five."""
    counted = sum(place < 5 for place in range(128)) / 128
    for answer in (counted, 0.039, 0.0391, torch.tensor(counted)):
        assert chapter_13.chance_of_retrieval(answer).passed, answer


def test_both_losses_by_calling_them():
    """Equal rows have equal cosines; orthogonal ones have cosines of 0."""
    equal = torch.ones(64, 3).double()
    assert chapter_13.clip_at_start(losses.clip_loss(equal, equal, temperature=0.07)).passed
    assert chapter_13.clip_at_start(4.16).passed
    image, text = torch.eye(128).double().split(64)
    loss = losses.siglip_loss(image, text, temperature=0.1, bias=0.0)
    verdict = chapter_13.siglip_at_start(loss)
    assert verdict.passed
    begins = losses.siglip_loss(image, text, temperature=0.1, bias=-10.0)
    assert f"begins at {begins:.2f}" in verdict.message
    assert chapter_13.siglip_at_start(44.36).passed
    assert chapter_13.siglip_at_start(44.4).passed
    assert not chapter_13.siglip_at_start(44.0).passed


@pytest.mark.parametrize(
    ("check", "answer", "part"),
    [
        ("chance_of_retrieval", 1 / 128, "recall@1"),
        ("chance_of_retrieval", 5 / 127, "not 127"),
        ("chance_of_retrieval", 1 - (127 / 128) ** 5, "twice"),
        ("chance_of_retrieval", 3.9, "percent"),
        ("chance_of_retrieval", 5 // 128, "cuts it off to 0"),
        ("chance_of_retrieval", 0.04, "rounded too far"),
        ("chance_of_retrieval", 0.5, "64 of them"),
        ("chance_of_retrieval", -1, "between 0 and 1"),
        ("chance_of_retrieval", 128 / 5, "upside down"),
        ("chance_of_retrieval", "0.039", "without quotes"),
        ("clip_at_start", math.log(127), "NT-Xent"),
        ("clip_at_start", 6, "in bits"),
        ("clip_at_start", 2 * math.log(64), "averaged"),
        ("clip_at_start", 1 / 64, "minus its logarithm"),
        ("clip_at_start", 3.0, "20.09 candidates"),
        ("clip_at_start", 1e9, "candidates"),
        ("clip_at_start", None, "a number is expected"),
        ("siglip_at_start", math.log(2), "one pair's"),
        ("siglip_at_start", 0, "the sigmoid of 0 is 1/2"),
        ("siglip_at_start", math.log(2) / 64, "times 64, not divided"),
        ("siglip_at_start", math.log(64), "CLIP's loss"),
        ("clip_at_start", 4.2, "4.2 is close: is it rounded too far?"),
        ("siglip_at_start", 64, "in bits"),
        ("siglip_at_start", 63 * math.log(2), "belongs together"),
        ("siglip_at_start", 10.0029, "with the bias -10"),
        ("siglip_at_start", 1.0, "minus the log of a sigmoid"),
        ("siglip_at_start", math.nan, "a number is expected"),
    ],
)
def test_wrong_numbers_are_explained(check, answer, part):
    verdict = getattr(chapter_13, check)(answer)
    assert not verdict.passed
    assert part in verdict.message, verdict
