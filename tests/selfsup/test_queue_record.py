"""QueueRecord writes down what the queries of every step met in MoCo's queue."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.queue_cases import BATCH, DECAYS, N_KEYS, STEPS, draw, recorded

from mlteach.networks import conv_encoder, projection_head
from mlteach.selfsup import MoCo
from mlteach.selfsup.queue_record import QueueRecord, mean_and_spread
from mlteach.training import fit


@pytest.fixture(scope="module")
def runs():
    return {decay: recorded(decay) for decay in DECAYS}


def test_the_record_is_what_the_queries_met(runs):
    """The queue before the step's own keys went in, its cosines, and its encoder's keys."""
    for run in runs.values():
        for i, (before, loss, aux) in enumerate(run.seen):
            assert run.record.ages[i].equal(before.age)
            assert run.record.pointers[i] == before.pointer == (i * BATCH) % N_KEYS
            assert run.record.losses[i] == loss
            own = F.cosine_similarity(aux["z1"], aux["z2"]).mean().item()
            assert run.record.positives[i] == pytest.approx(own, abs=1e-6)
            for age in range(N_KEYS // BATCH):
                met = (aux["z1"] @ before.queue[before.age == age].T).flatten()
                found = run.record.middle[i][age], run.record.spread[i][age]
                expected = (
                    (met.mean(), met.std(correction=0))
                    if len(met)
                    else (torch.tensor(torch.nan),) * 2
                )
                torch.testing.assert_close(found, expected, equal_nan=True, atol=1e-5, rtol=0)
            with torch.no_grad():
                torch.testing.assert_close(
                    run.record.keys[i],
                    F.normalize(before.key_encoder.train()(run.images)),
                    atol=1e-5,
                    rtol=0,
                )


def test_recording_changes_nothing(runs):
    """The same training without a record has the same last loss and key encoder statistics."""
    torch.manual_seed(0)
    encoder = conv_encoder(1, widths=(4,), out_features=6)
    method = MoCo(encoder, projection_head(6, hidden=8, out_features=5), n_keys=N_KEYS, decay=0.5)
    run = fit(method, draw, steps=STEPS, progress=False)
    assert run.history["loss"] == runs[0.5].record.losses
    last = runs[0.5].record.method.state_dict()
    assert all(value.equal(last[name]) for name, value in method.state_dict().items())


def test_drift_compares_the_keys_of_two_moments(runs):
    """Age a at step s was encoded a + 1 steps before; no more ages than the queue can hold."""
    for run in runs.values():
        for step in range(1, STEPS + 1):
            drift = run.record.drift(step)
            assert len(drift) == min(step - 1, N_KEYS // BATCH)
            for age, value in enumerate(drift.tolist()):
                then, now = run.record.keys[step - 2 - age], run.record.keys[step - 1]
                assert value == pytest.approx(
                    F.cosine_similarity(then, now).mean().item(), abs=1e-6
                )


def test_a_slow_key_encoder_drifts_less(runs):
    assert runs[0.99].record.drift(STEPS)[-1] > runs[0.0].record.drift(STEPS)[-1]


def test_mean_and_spread_by_hand():
    cosines = torch.tensor([[0.1, 0.9, 0.3], [0.3, 0.7, 0.5]])
    mean, spread = mean_and_spread(cosines, torch.tensor([1, -1, 1]), ages=2)
    torch.testing.assert_close(mean, torch.tensor([torch.nan, 0.3]), equal_nan=True)
    torch.testing.assert_close(spread, torch.tensor([torch.nan, 0.02**0.5]), equal_nan=True)


def test_a_record_of_a_method_in_16_bits():
    """The queue is written in 16 bits, cosines are taken in float32."""
    encoder, projector = conv_encoder(3, widths=(8,), out_features=8), projection_head(8)
    method = MoCo(encoder, projector, n_keys=8).bfloat16()
    images = torch.rand(4, 3, 8, 8).bfloat16()
    record = QueueRecord(method, images)
    fit(method, lambda g: (images, images), steps=3, progress=False, callback=record)
    assert record.drift(3).isfinite().all()
    assert record.middle[2][:2].isfinite().all()
    assert record.middle[2].dtype == record.spread[2].dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": None}, "method must be a MoCo, got NoneType"),
        ({"pictures": "images"}, "pictures must be a floating-point tensor, got str"),
        (
            {"pictures": torch.rand(1, 3, 8, 8)},
            r"pictures must be \(N >= 2, ...\), got shape \(1, 3",
        ),
    ],
)
def test_bad_arguments(change, message):
    method = MoCo(conv_encoder(3, widths=(8,), out_features=8), projection_head(8), n_keys=8)
    with pytest.raises((TypeError, ValueError), match=message):
        QueueRecord(**{"method": method, "pictures": torch.rand(4, 3, 8, 8)} | change)
