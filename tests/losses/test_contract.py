"""What every loss promises: second derivatives, precision, zero vectors, transforms, errors."""

from __future__ import annotations

import inspect

import pytest
import torch
from support.numbers import generator, normal

from mlteach import losses

SAME = torch.tensor([True, False, False, True])
TARGET = normal(4, 3, seed=9).bfloat16()
LABELS = torch.tensor([0, 1, 0, 2])
TEMPERATURE = ["info_nce", "nt_xent", "supervised_contrastive", "clip_loss", "siglip_loss"]

# Name in a test's id: the loss as a function of floating-point tensors (and options), the shapes of
# these tensors.
CASES = {
    "contrastive_loss": (
        lambda x, y, **kw: losses.contrastive_loss(x, y, SAME, margin=3, **kw),
        [(4, 3), (4, 3)],
    ),
    "triplet_loss": (losses.triplet_loss, [(4, 3), (4, 3), (4, 3)]),
    "info_nce": (losses.info_nce, [(4, 3), (4, 3), (5, 3)]),
    "info_nce, own negatives": (losses.info_nce, [(4, 3), (4, 3), (4, 5, 3)]),
    "nt_xent": (losses.nt_xent, [(4, 3), (4, 3)]),
    "nt_xent, chunks": (
        lambda x, y, **kw: losses.nt_xent(x, y, chunk_size=3, **kw),
        [(4, 3), (4, 3)],
    ),
    "supervised_contrastive": (
        lambda z, **kw: losses.supervised_contrastive(z, LABELS, **kw),
        [(4, 3)],
    ),
    "byol_loss": (lambda p: losses.byol_loss(p, TARGET.to(p.dtype)), [(4, 3)]),
    "clip_loss": (losses.clip_loss, [(4, 3), (4, 3)]),
    "dino_loss": (
        lambda s: losses.dino_loss(s, TARGET.to(s.dtype), center=TARGET[0].to(s.dtype)),
        [(4, 3)],
    ),
    "barlow_twins": (losses.barlow_twins, [(4, 3), (4, 3)]),
    "siglip_loss": (losses.siglip_loss, [(4, 3), (4, 3)]),
    "sigreg": (
        lambda z: losses.sigreg(z, slices=4, generator=generator()),
        [(4, 3)],
    ),
    "vicreg": (losses.vicreg, [(4, 3), (4, 3)]),
    "alignment": (losses.alignment, [(4, 3), (4, 3)]),
    "uniformity": (losses.uniformity, [(4, 3)]),
}
every_loss = pytest.mark.parametrize(("loss", "shapes"), CASES.values(), ids=CASES.keys())


def inputs_of(shapes, dtype=torch.float64):
    """One random tensor for each shape."""
    return [
        normal(*shape, seed=seed).to(dtype).requires_grad_() for seed, shape in enumerate(shapes)
    ]


def test_every_public_loss_has_a_case():
    """No loss escapes this file."""
    assert {name.split(",")[0] for name in CASES} == set(losses.__all__)


@every_loss
def test_gradients_of_first_and_second_order(loss, shapes):
    """Both agree with finite differences, and the loss is one number."""
    assert loss(*inputs_of(shapes)).shape == ()
    assert torch.autograd.gradcheck(loss, inputs_of(shapes))
    assert torch.autograd.gradgradcheck(loss, inputs_of(shapes))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(loss, shapes, dtype):
    """Half-precision inputs give the float32 loss of these inputs, and gradients in their type."""
    half = inputs_of(shapes, dtype)
    double = [x.detach().double().requires_grad_() for x in half]
    value = loss(*half)
    value.backward()
    loss(*double).backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), loss(*double), rtol=1e-5, atol=1e-5)
    for x, y in zip(half, double, strict=True):
        assert x.grad.dtype == dtype
        torch.testing.assert_close(x.grad.double(), y.grad, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", TEMPERATURE)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_temperature_in_low_precision(name, dtype):
    """Logits of 100 neither overflow nor lose their digits."""
    loss, shapes = CASES[name]
    low = inputs_of(shapes, dtype)
    expected = loss(*[x.detach().double() for x in low], temperature=0.01)
    value = loss(*low, temperature=0.01)
    value.backward()
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    assert all(x.grad.isfinite().all() for x in low)


@every_loss
def test_autocast_changes_nothing(loss, shapes):
    """Products of the loss are not rounded to 8 bits under autocast."""
    inputs = inputs_of(shapes, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(*inputs)
    torch.testing.assert_close(value, loss(*inputs), rtol=1e-6, atol=1e-6)


def assert_smooth(loss, inputs):
    """Value, first and second derivatives are finite."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    value = loss(*inputs)
    gradients = torch.autograd.grad(value, inputs, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in gradients), inputs)
    assert all(x.isfinite().all() for x in (value, *gradients, *second))


@every_loss
def test_degenerate_rows(loss, shapes):
    """Zero rows, all rows zero, all rows equal: no NaN in value, gradient and second derivative."""
    inputs = inputs_of(shapes)
    assert_smooth(loss, [x.index_fill(0, torch.tensor([1]), 0) for x in inputs])
    assert_smooth(loss, [torch.zeros_like(x) for x in inputs])
    assert_smooth(loss, [torch.ones_like(x) for x in inputs])


@pytest.mark.parametrize("name", [*TEMPERATURE, "byol_loss", "uniformity"])
def test_a_zero_vector_has_cosine_zero_and_no_gradient(name):
    """A row of zeros is not pushed anywhere: it has no direction."""
    loss, shapes = CASES[name]
    inputs = [
        x.detach().index_fill(0, torch.tensor([1]), 0).requires_grad_() for x in inputs_of(shapes)
    ]
    loss(*inputs).backward()
    for x in inputs:
        assert x.grad[1].eq(0).all()
        assert x.grad[0].norm() > 0
    assert losses.byol_loss(torch.zeros(1, 3), torch.ones(1, 3)).item() == 2


@every_loss
def test_mixed_precision_inputs(loss, shapes):
    """Inputs of different floating-point types are computed in the widest."""
    inputs = inputs_of(shapes)
    inputs[0] = inputs[0].detach().bfloat16()
    wide = [inputs[0].double(), *inputs[1:]]
    assert torch.isclose(loss(*inputs).double(), loss(*wide).double(), rtol=1e-5, atol=0)


@every_loss
def test_pure(loss, shapes):
    """The same inputs give the same number, and keep their values."""
    inputs = inputs_of(shapes)
    copies = [x.clone() for x in inputs]
    assert loss(*inputs).equal(loss(*inputs))
    assert all(x.equal(copy) for x, copy in zip(inputs, copies, strict=True))


TRANSFORMABLE = [case for name, case in CASES.items() if "chunks" not in name]


@pytest.mark.parametrize(
    ("loss", "shapes"), TRANSFORMABLE, ids=[name for name in CASES if "chunks" not in name]
)
def test_torch_func(loss, shapes):
    """`grad` of torch.func gives autograd's gradient, and `vmap` that of each task."""
    tasks = [torch.stack([x.detach(), 2 * x.detach() + 1]) for x in inputs_of(shapes)]
    gradient = torch.func.grad(loss, argnums=tuple(range(len(shapes))))
    together = torch.func.vmap(gradient, randomness="same")(*tasks)
    for task in range(2):
        single = [x[task].clone().requires_grad_() for x in tasks]
        loss(*single).backward()
        for x, g in zip(single, together, strict=True):
            torch.testing.assert_close(g[task], x.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", TEMPERATURE)
def test_learned_temperature(name):
    """The gradient reaches a 0-d temperature, by autograd and by torch.func."""
    loss, shapes = CASES[name]
    inputs = [x.detach() for x in inputs_of(shapes)]
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    loss(*inputs, temperature=temperature).backward()
    up, down = (loss(*inputs, temperature=0.3 + step).item() for step in (1e-5, -1e-5))
    assert temperature.grad.item() == pytest.approx((up - down) / 2e-5, rel=1e-5)
    functional = torch.func.grad(lambda t: loss(*inputs, temperature=t))(temperature.detach())
    torch.testing.assert_close(functional, temperature.grad)


Z = normal(4, 3)
WRONG = {
    "different shapes": (lambda: losses.nt_xent(Z, Z[:3]), ValueError, r"z1 \(4, 3\), z2 \(3, 3\)"),
    "not a matrix": (lambda: losses.barlow_twins(Z[0], Z[0]), ValueError, r"z1 \(3,\)"),
    "one image, NT-Xent": (lambda: losses.nt_xent(Z[:1], Z[:1]), ValueError, r"\(N >= 2, "),
    "one image, CLIP": (lambda: losses.clip_loss(Z[:1], Z[:1]), ValueError, r"\(N >= 2, "),
    "one image, SigLIP": (lambda: losses.siglip_loss(Z[:1], Z[:1]), ValueError, r"\(N >= 2, "),
    "bias infinite": (
        lambda: losses.siglip_loss(Z, Z, bias=float("-inf")),
        ValueError,
        "bias must be finite, got -inf",
    ),
    "bias a text": (lambda: losses.siglip_loss(Z, Z, bias="-10"), TypeError, "bias must be a"),
    "one image, Barlow Twins": (
        lambda: losses.barlow_twins(Z[:1], Z[:1]),
        ValueError,
        r"\(N >= 2, ",
    ),
    "one image, VICReg": (lambda: losses.vicreg(Z[:1], Z[:1]), ValueError, r"\(N >= 2, "),
    "one image, SIGReg": (
        lambda: losses.sigreg(Z[:1], generator=None),
        ValueError,
        r"\(N >= 2, ",
    ),
    "one point": (lambda: losses.uniformity(Z[:1]), ValueError, r"\(N >= 2, "),
    "empty batch": (lambda: losses.byol_loss(Z[:0], Z[:0]), ValueError, r"\(N >= 1, "),
    "no columns": (lambda: losses.alignment(Z[:, :0], Z[:, :0]), ValueError, r"D >= 1\)"),
    "integers": (
        lambda: losses.triplet_loss(Z, Z, Z.long()),
        TypeError,
        "negative must be .* got a tensor of int64",
    ),
    "a list": (lambda: losses.clip_loss([[1.0]], Z), TypeError, "image must be .* got list"),
    "negatives of another width": (
        lambda: losses.info_nce(Z, Z, Z[:, :2]),
        ValueError,
        r"negatives must .* \(4, 2\)",
    ),
    "no negatives": (
        lambda: losses.info_nce(Z, Z, Z[:0]),
        ValueError,
        r"negatives must .* \(0, 3\)",
    ),
    "negatives of other queries": (
        lambda: losses.info_nce(Z, Z, Z[:3, None]),
        ValueError,
        r"negatives must be \(4, K >= 1, 3\), got shape \(3, 1, 3\)",
    ),
    "negatives 1-d": (lambda: losses.info_nce(Z, Z, Z[0]), ValueError, r"negatives must .* \(3,\)"),
    "labels too short": (
        lambda: losses.supervised_contrastive(Z, LABELS[:3]),
        ValueError,
        r"labels must be \(4,\)",
    ),
    "labels a list": (
        lambda: losses.supervised_contrastive(Z, [0, 1, 0, 1]),
        TypeError,
        "labels .* got list",
    ),
    "same a list": (
        lambda: losses.contrastive_loss(Z, Z, [True] * 4),
        TypeError,
        "same .* got list",
    ),
    "same too short": (
        lambda: losses.contrastive_loss(Z, Z, SAME[:3]),
        ValueError,
        r"same must be \(4,\)",
    ),
    "same not 0 or 1": (
        lambda: losses.contrastive_loss(Z, Z, LABELS),
        ValueError,
        "True and False, or 1 and 0",
    ),
    "temperature 0": (
        lambda: losses.nt_xent(Z, Z, temperature=0),
        ValueError,
        "temperature must be .* > 0, got 0",
    ),
    "temperature negative": (
        lambda: losses.clip_loss(Z, Z, temperature=-1.0),
        ValueError,
        "got -1.0",
    ),
    "temperature NaN": (
        lambda: losses.info_nce(Z, Z, Z, temperature=float("nan")),
        ValueError,
        "got nan",
    ),
    "temperature infinite": (
        lambda: losses.nt_xent(Z, Z, temperature=float("inf")),
        ValueError,
        "got inf",
    ),
    "temperature a negative parameter": (
        lambda: losses.nt_xent(Z, Z, temperature=torch.tensor(-1.0, requires_grad=True)),
        ValueError,
        "temperature must be",
    ),
    "temperature a vector": (
        lambda: losses.nt_xent(Z, Z, temperature=torch.ones(4)),
        ValueError,
        r"shape \(4,\)",
    ),
    "temperature a string": (
        lambda: losses.nt_xent(Z, Z, temperature="hot"),
        TypeError,
        "temperature .* got str",
    ),
    "temperature 0, classes": (
        lambda: losses.supervised_contrastive(Z, LABELS, temperature=0),
        ValueError,
        "temperature must be .* > 0",
    ),
    "chunk of nothing": (
        lambda: losses.nt_xent(Z, Z, chunk_size=0),
        ValueError,
        "chunk_size must be .* got 0",
    ),
    "chunk of a fraction": (
        lambda: losses.nt_xent(Z, Z, chunk_size=2.0),
        TypeError,
        "chunk_size must be .* got float: 2.0",
    ),
    "negative margin of pairs": (
        lambda: losses.contrastive_loss(Z, Z, SAME, margin=-1),
        ValueError,
        "margin .* >= 0",
    ),
    "negative margin of triplets": (
        lambda: losses.triplet_loss(Z, Z, Z, margin=-1),
        ValueError,
        "margin .* >= 0",
    ),
    "negative weight": (
        lambda: losses.barlow_twins(Z, Z, redundancy_weight=-1),
        ValueError,
        "redundancy_weight .* >= 0",
    ),
    "negative variance": (lambda: losses.vicreg(Z, Z, variance=-1), ValueError, "variance .* >= 0"),
    "negative t": (lambda: losses.uniformity(Z, t=-2), ValueError, "t must be .* > 0, got -2"),
    "teacher of another width": (
        lambda: losses.dino_loss(Z, Z[:, :2], center=Z[0]),
        ValueError,
        r"student \(4, 3\), teacher \(4, 2\)",
    ),
    "centre of another width": (
        lambda: losses.dino_loss(Z, Z, center=Z[0, :2]),
        ValueError,
        r"center must be \(3,\), got shape \(2,\)",
    ),
    "centre of every image": (
        lambda: losses.dino_loss(Z, Z, center=Z),
        ValueError,
        r"center must be \(3,\), got shape \(4, 3\)",
    ),
    "no centre": (lambda: losses.dino_loss(Z, Z, center=None), TypeError, "center must be"),
    "teacher temperature 0": (
        lambda: losses.dino_loss(Z, Z, center=Z[0], teacher_temperature=0),
        ValueError,
        "teacher_temperature must be .* > 0, got 0",
    ),
    "power below 1": (
        lambda: losses.alignment(Z, Z, power=0.5),
        ValueError,
        "power must be .* >= 1, got 0.5",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG.keys())
def test_errors_name_the_argument(call, error, message):
    """Bad input is refused with the argument, what was given and what is allowed."""
    with pytest.raises(error, match=message):
        call()


DEFAULTS = {
    "contrastive_loss": {"margin": 1.0},
    "triplet_loss": {"margin": 0.2},  # Schroff et al.
    "info_nce": {"temperature": 0.1},
    "nt_xent": {"temperature": 0.5, "chunk_size": None},  # Chen et al., on CIFAR-10
    "supervised_contrastive": {"temperature": 0.1},  # Khosla et al.
    "byol_loss": {},
    "clip_loss": {"temperature": 0.07},  # Radford et al.: where the learned one starts
    "siglip_loss": {"temperature": 0.1, "bias": -10.0},  # Zhai et al.: where the learned ones start
    "dino_loss": {  # Caron et al.; the centre has none
        "student_temperature": 0.1,
        "teacher_temperature": 0.04,
        "center": inspect.Parameter.empty,
    },
    "barlow_twins": {"redundancy_weight": 5e-3},  # Zbontar et al.
    "vicreg": {"invariance": 25, "variance": 25, "covariance": 1},  # Bardes et al.
    "alignment": {"power": 2},  # Wang and Isola
    "uniformity": {"t": 2},  # Wang and Isola
}


@pytest.mark.parametrize(("name", "defaults"), DEFAULTS.items(), ids=DEFAULTS.keys())
def test_defaults(name, defaults):
    """Hyperparameters are keyword-only, and their defaults the papers' where these name one."""
    parameters = inspect.signature(getattr(losses, name)).parameters.values()
    assert {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY} == defaults
