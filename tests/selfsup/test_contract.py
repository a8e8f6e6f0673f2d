"""What every self-supervised method computes, moves and keeps, and how it goes on."""

from __future__ import annotations

import ast
import copy
import inspect
import math

import pytest
import torch
from support.selfsup_cases import (
    BATCH,
    FEATURES,
    INPUTS,
    METHODS,
    OUTPUTS,
    make_barlow_twins,
    make_byol,
    make_dino,
    make_lejepa,
    make_moco,
    make_simclr,
    make_vicreg,
    parts,
    trained,
    views,
)
from torch import nn

from mlteach import losses, selfsup
from mlteach.mistakes import mistakes_in
from mlteach.networks import mlp, prediction_head, projection_head, resnet18
from mlteach.selfsup import BYOL, DINO, BarlowTwins, LeJEPA, MoCo, SimCLR, VICReg
from mlteach.training import fit

every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)


def cosine(x, y):
    return (
        (sum(a * b for a, b in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y)))
        if any(x)
        else 0.0
    )


def naive_simclr(z1, z2, temperature):
    """Algorithm 1 of the paper, in plain numbers."""
    z = z1.tolist() + z2.tolist()
    n, total = len(z1), 0.0
    for i in range(2 * n):
        others = [math.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * n) if k != i]
        total -= math.log(math.exp(cosine(z[i], z[(i + n) % (2 * n)]) / temperature) / sum(others))
    return total / (2 * n)


# What is computed


def assert_simclr(make):
    """The definition on the projections of both views as one batch, with gradients to both."""
    method = make()
    encoder, projector, _ = parts()
    x1, x2 = (x.requires_grad_() for x in views())
    z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
    for temperature in (0.2, 0.7):
        method.temperature = temperature
        loss, _ = method.loss(x1, x2)
        assert loss.item() == pytest.approx(naive_simclr(z1, z2, temperature), rel=1e-12)
        expected = torch.autograd.grad(
            losses.nt_xent(z1, z2, temperature=temperature), (x1, x2), retain_graph=True
        )
        torch.testing.assert_close(torch.autograd.grad(loss, (x1, x2)), expected)


def test_simclr_is_its_definition():
    assert_simclr(make_simclr)


@pytest.mark.parametrize("mistake", mistakes_in(SimCLR), ids=str)
def test_a_mistake_in_simclr_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_simclr(lambda: make_simclr(mistake.function))


@pytest.mark.parametrize(
    ("make", "loss"),
    [(make_barlow_twins, losses.barlow_twins), (make_vicreg, losses.vicreg)],
    ids=["BarlowTwins", "VICReg"],
)
def test_both_projections_go_into_the_loss(make, loss):
    """The loss of the projections, each view a batch of its own, and both views' gradient."""
    encoder, projector, _ = parts()
    x1, x2 = (x.requires_grad_() for x in views())
    expected = loss(projector(encoder(x1)), projector(encoder(x2)))
    value, _ = make().loss(x1, x2)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        torch.autograd.grad(value, (x1, x2)), torch.autograd.grad(expected, (x1, x2))
    )


def collapse(method):
    """Every projection the same, whatever goes in."""
    nn.init.zeros_(method.projector[-1].weight)
    nn.init.ones_(method.projector[-1].bias)
    slow = {MoCo: "key_encoder", BYOL: "target", DINO: "teacher"}.get(type(method))
    if slow:
        network = getattr(method, slow)
        if network is not None:
            network[1].load_state_dict(method.projector.state_dict())
    if isinstance(method, MoCo):
        method.queue.fill_(OUTPUTS**-0.5)
    if isinstance(method, BYOL) and method.predictor is not None:
        method.predictor = nn.Identity()
    return method


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SimCLR", math.log(2 * BATCH - 1)),
        ("MoCo", math.log(1 + 15)),
        ("BYOL", 0),
        ("SimSiam", 0),
        ("BYOL without stop-gradient", 0),
        ("DINO", math.log(OUTPUTS)),
        ("BarlowTwins", OUTPUTS),
        ("VICReg", 0.99 * 25),
    ],
)
def test_loss_of_a_collapsed_network(name, value):
    """The docstring's value; with negatives or a term against it, collapse is no solution."""
    loss, aux = collapse(METHODS[name]()).loss(*views())
    assert loss.item() == pytest.approx(value, abs=1e-9)
    assert aux["std"].item() == pytest.approx(0, abs=1e-9)


@every_method
def test_encode_gives_the_representation(make):
    """What comes before the projector, of the network that is trained."""
    x, _ = views()
    method, (encoder, _, _) = make(), parts()
    assert method.encode(x).equal(encoder(x))
    assert method.encode(x).requires_grad


# What an image gets


@every_method
def test_aux_is_for_figures(make):
    """Unit vectors, positives nearer than strangers, the spread by its formula, no gradient."""
    _, aux = make().loss(*views())
    z1, z2 = aux["z1"], aux["z2"]
    assert not any(value.requires_grad for value in aux.values())
    for z in (z1, z2):
        assert z.shape == (BATCH, OUTPUTS)
        torch.testing.assert_close(z.norm(dim=1), torch.ones(BATCH, dtype=torch.float64))
    similarity = z1 @ z2.T
    assert similarity.diagonal().mean() > similarity.mean()
    spread = [(sum((v - sum(c) / BATCH) ** 2 for v in c) / BATCH) ** 0.5 for c in z1.T.tolist()]
    assert aux["std"].item() == pytest.approx(sum(spread) / OUTPUTS)


def test_an_even_spread_is_one_over_the_root_of_the_axes():
    """Random directions have deviations of about 1 / sqrt(P), where the meters draw their line."""
    z = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    assert selfsup.simclr.pictured(z1=z)["std"].item() == pytest.approx(16**-0.5, rel=0.02)


# What is moved, and when


def moved(before, after):
    """Names of the state that differ, but for BatchNorm's statistics, which every pass moves."""
    return {
        name for name in after if not before[name].equal(after[name]) and "running" not in name
    } - {name for name in after if "num_batches" in name}


@every_method
def test_loss_moves_nothing(make):
    method = make()
    before = copy.deepcopy(method.state_dict())
    method.loss(*views())[0].backward()
    assert moved(before, method.state_dict()) == set()


@every_method
def test_after_step_moves_target_and_queue_only(make):
    method = make()
    _, aux = method.loss(*views())
    for p in (*method.encoder.parameters(), *method.projector.parameters()):
        p.data += 0.1
    before = copy.deepcopy(method.state_dict())
    method.after_step(aux)
    owner = {name.split(".")[0] for name in moved(before, method.state_dict())}
    expected = {
        MoCo: {"key_encoder", "queue", "age", "pointer"},
        BYOL: {"target"},
        DINO: {"teacher", "center"},
        LeJEPA: {"step"},
    }.get(type(method), set())
    assert owner == (set() if getattr(method, "target", 0) is None else expected)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (make_simclr, "temperature", 0.9),
        (make_moco, "temperature", 0.9),
        (make_moco, "decay", 0.1),
        (make_byol, "decay", 0.1),
        (make_dino, "student_temperature", 0.3),
        (make_dino, "teacher_temperature", 0.02),
        (make_dino, "decay", 0.1),
        (make_dino, "center_decay", 0.2),
        (make_barlow_twins, "redundancy_weight", 0.5),
        (make_vicreg, "invariance", 1.0),
        (make_vicreg, "variance", 1.0),
        (make_vicreg, "covariance", 25.0),
        (make_lejepa, "weight", 0.5),
        (make_lejepa, "slices", 3),
    ],
)
def test_a_hyperparameter_is_read_at_every_step(make, name, value):
    """Set as an attribute, as a slider does, it counts as if the method had been made with it."""
    steered, born = make(), make(**{name: value})
    setattr(steered, name, value)
    torch.testing.assert_close(trained(steered, steps=2), trained(born, steps=2), rtol=0, atol=0)
    assert not trained(steered, steps=2)[-1][0].equal(trained(make(), steps=4)[-1][0])


# What is kept


@every_method
def test_state_is_complete(make):
    """Loaded into a method made otherwise, the state gives the same losses from then on."""
    method, other = make(), make()
    trained(method, steps=3)
    for p in other.parameters():
        p.data += 1
    other.load_state_dict(method.state_dict())
    torch.testing.assert_close(trained(method), trained(other), rtol=0, atol=0)


def draw(generator):
    x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    return x, x + 0.3 * torch.randn(8, 5, generator=generator, dtype=torch.float64)


@every_method
def test_stopped_and_continued_no_bit_differs(make):
    """fit, stopped at step 4 of 9 and resumed with a new method, ends as an undisturbed run."""
    whole = make()
    stopped = make()
    fresh = make()
    run = fit(whole, draw, steps=9, progress=False)
    first = fit(stopped, draw, steps=9, callback=lambda step, loss, aux: step == 4, progress=False)
    second = fit(fresh, draw, steps=9, resume=first, progress=False)
    assert second.history == run.history
    torch.testing.assert_close(fresh.state_dict(), whole.state_dict(), rtol=0, atol=0)


@every_method
def test_the_whole_state_follows_to_another_dtype(make):
    """.float() leaves no float64 behind, counters stay integers, and a step can be made."""
    method = make().float()
    dtypes = {value.dtype for value in method.state_dict().values()}
    assert dtypes == {torch.float32, torch.int64}
    loss, aux = method.loss(*(x.float() for x in views()))
    loss.backward()
    method.after_step(aux)
    assert loss.dtype == torch.float32
    assert {value.dtype for value in method.state_dict().values()} == dtypes


# Paper meaning, size, bad input


def test_each_keeps_its_paper_s_meaning_by_default():
    """BYOL has a stop-gradient and an average, MoCo's keys no gradient; weights are the papers'."""
    byol = make_byol()
    moco = make_moco()
    vicreg = make_vicreg()
    assert byol.stop_gradient
    assert byol.target is not None
    dino = make_dino()
    assert dino.centering
    assert (dino.student_temperature, dino.teacher_temperature) == (0.1, 0.04)
    assert dino.center_decay == 0.9
    for follower in (byol.target, moco.key_encoder, dino.teacher):
        assert not any(p.requires_grad for p in follower.parameters())
    assert (vicreg.invariance, vicreg.variance, vicreg.covariance) == (25, 25, 1)
    assert make_barlow_twins().redundancy_weight == 5e-3


@pytest.mark.parametrize(
    "cls", [SimCLR, MoCo, BYOL, DINO, BarlowTwins, VICReg, LeJEPA], ids=lambda cls: cls.__name__
)
def test_a_method_fits_on_a_page(cls):
    """At most 45 lines of code a class, docstrings and empty lines not counted."""
    tree = ast.parse(inspect.getsource(cls))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    assert len(ast.unparse(tree).splitlines()) <= 45


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_moco(n_keys=0), "n_keys must be a whole number >= 1, got 0"),
        (lambda: make_moco(decay=1.5), r"decay must be a number in \[0, 1\], got 1.5"),
        (lambda: make_byol(decay=-0.1), r"decay must be a number in \[0, 1\], got -0.1"),
        (lambda: make_byol(decay="0.9"), "decay must be a number or a 0-d tensor, got str"),
        (lambda: MoCo(nn.Identity(), nn.Identity()), "projector must contain a linear layer"),
        (
            lambda: make_moco(n_keys=5).loss(*views()),
            "batch of 6 keys does not fit into a queue of n_keys=5",
        ),
        (lambda: make_simclr(temperature=0).loss(*views()), "temperature must be finite and > 0"),
        (lambda: make_vicreg(variance=-1), "variance must be finite and >= 0, got -1"),
        (
            lambda: make_barlow_twins(redundancy_weight=-1),
            "redundancy_weight must be finite and >=",
        ),
        (lambda: make_moco(temperature=0), "temperature must be finite and > 0, got 0"),
        (
            lambda: make_byol(stop_gradient=None),
            "stop_gradient must be True or False, got NoneType",
        ),
        (lambda: make_byol(target_average=1), "target_average must be True or False, got int"),
        (
            lambda: SimCLR(nn.Linear, nn.Identity()),
            "encoder must be a network .* got the class Lin",
        ),
        (lambda: SimCLR(nn.Identity(), len), "projector must be a network .* got builtin_function"),
        (lambda: BYOL(*parts()[:2], "none"), "predictor must be a network .* got str"),
        (
            lambda: make_moco().after_step({}),
            'aux must be what loss returned, with its "z2", got d',
        ),
        (
            lambda: make_moco(n_keys=5).after_step({"z2": torch.ones(6, OUTPUTS)}),
            "aux: a batch of 6 keys does not fit into a queue of n_keys=5",
        ),
        (
            lambda: make_moco().after_step({"z2": torch.ones(6, OUTPUTS + 1)}),
            rf'aux\["z2"\] must be \(B, {OUTPUTS}\), got shape',
        ),
        (
            lambda: make_dino().after_step(None),
            'aux must be what loss returned, with its "outputs", got NoneType',
        ),
        (
            lambda: make_dino().after_step({"outputs": torch.ones(())}),
            rf'aux\["outputs"\] must be \({OUTPUTS},\), got shape \(\)',
        ),
        (lambda: DINO(nn.LazyLinear(FEATURES), parts()[1]), "encoder must know its shapes"),
        (lambda: MoCo(parts()[0], nn.LazyLinear(OUTPUTS)), "projector must know its shapes"),
        (lambda: BYOL(nn.LazyLinear(FEATURES), parts()[1], None), "encoder must know its shapes"),
        (
            lambda: MoCo(parts()[0], nn.Sequential(parts()[1], nn.GLU())).loss(*views()),
            r"projector must give \(B, 4\), got \(6, 2\)",
        ),
        (
            lambda: BYOL(*parts()[:2], mlp(OUTPUTS, 1).double()).loss(*views()),
            r"predictor must give \(B, 4\), got \(6, 1\)",
        ),
        (
            lambda: BYOL(*parts()[:2], mlp(OUTPUTS + 1, OUTPUTS).double()).loss(*views()),
            r"predictor cannot take inputs of \(6, 4\): ",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize("make", [make_moco, make_byol, make_dino])
def test_an_exchanged_network_is_told_from_its_slow_copy(make):
    method = make()
    _, aux = method.loss(*views())
    method.encoder = mlp(INPUTS, FEATURES).double()
    with pytest.raises(ValueError, match="must have the parameters of"):
        method.after_step(aux)


@every_method
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x1, x2: (x1, x2[:3]),
            r"x1 and x2 must be .* of one shape, got \(6, 5\) and \(3, 5",
        ),
        (
            lambda x1, x2: (x1[:1], x2),
            r"x1 and x2 must be .* of one shape, got \(1, 5\) and \(6, 5",
        ),
        (lambda x1, x2: (x1[:0], x2[:0]), r"x1 and x2 must be two views \(B >= .*, got \(0, 5\)"),
        (lambda x1, x2: (x1[0], x2[0]), r"x1 and x2 must be two views .* got \(5,\) and \(5,\)"),
        (lambda x1, x2: (x1.numpy(), x2), "x1 must be a floating-point tensor, got ndarray"),
        (
            lambda x1, x2: (x1, x2.long()),
            "x2 must be a floating-point tensor, got a tensor of int64",
        ),
        (lambda x1, x2: (x1[:, 1:], x2[:, 1:]), "encoder cannot take inputs of .*, 4"),
    ],
)
def test_views_that_do_not_fit_are_named(make, change, message):
    """Before any network has seen them, and before anything has moved."""
    method = make()
    before = copy.deepcopy(method.state_dict())
    with pytest.raises((TypeError, ValueError), match=message):
        method.loss(*change(*views()))
    torch.testing.assert_close(method.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("cls", [SimCLR, MoCo, DINO, BarlowTwins, VICReg, LeJEPA])
@pytest.mark.parametrize(
    ("encoder", "projector", "message"),
    [
        (
            nn.Unflatten(1, (1, INPUTS)),
            0,
            r"encoder must give \(\d+, D >= 1\), got shape \(\d+, 1, 5",
        ),
        (nn.Flatten(0), 0, r"encoder must give \(\d+, D >= 1\), got shape \(\d+,\)"),
        (
            nn.LSTM(INPUTS, INPUTS).double(),
            0,
            "encoder must give a floating-point tensor, got tuple",
        ),
        (nn.Identity(), OUTPUTS, r"projector cannot take inputs of \(\d+, 5\): "),
    ],
)
def test_networks_that_do_not_fit_are_named(cls, encoder, projector, message):
    method = cls(encoder, nn.Linear(projector or INPUTS, OUTPUTS).double())
    with pytest.raises((TypeError, ValueError), match=message):
        method.loss(*views())


def test_encode_names_what_it_cannot_take():
    method = make_simclr()
    with pytest.raises(TypeError, match="x must be a floating-point tensor, got str"):
        method.encode("image")
    with pytest.raises(ValueError, match=r"encoder cannot take inputs of \(6, 4\)"):
        method.encode(views()[0][:, 1:])


def test_a_temperature_can_be_learned():
    """As a parameter of the method it is trained with the rest, and stays > 0 or is refused."""
    method = make_simclr(temperature=nn.Parameter(torch.tensor(0.5)))
    assert "temperature" in method.state_dict()
    fit(method, lambda generator: views(), steps=2, progress=False)
    assert method.temperature != 0.5
    method.temperature.data.zero_()
    with pytest.raises(ValueError, match="temperature must be finite and > 0"):
        method.loss(*views())


@pytest.mark.parametrize("make", [make_simclr, make_moco, make_byol, make_dino])
def test_a_method_is_compiled_as_a_whole(make):
    torch._dynamo.reset()
    method = make()
    loss, _ = torch.compile(method.loss, backend="eager", fullgraph=True)(*views())
    torch.testing.assert_close(loss, make().loss(*views())[0])


def test_a_queue_lives_where_its_projector_lives():
    """Whatever the default device and type are, and in float32 at least."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        encoder, projector, _ = (part.to(dtype) for part in parts())
        queue = MoCo(encoder, projector, n_keys=7).queue
        assert queue.dtype == torch.promote_types(dtype, torch.float32)
        with torch.device("meta"):
            method = MoCo(encoder, projector, n_keys=7)
        assert {buffer.device.type for buffer in method.buffers()} == {"cpu"}


def test_a_decay_that_a_slider_spoiled_is_refused():
    """Outside [0, 1] the target would run away; the next step says so."""
    method = make_byol()
    _, aux = method.loss(*views())
    method.decay = 1.01
    with pytest.raises(ValueError, match="decay must be"):
        method.after_step(aux)


# CIFAR-10's network


RESNET_METHODS = {
    "SimCLR": lambda encoder, projector: SimCLR(encoder, projector),
    "MoCo": lambda encoder, projector: MoCo(encoder, projector, n_keys=16),
    "BYOL": lambda encoder, projector: BYOL(encoder, projector, prediction_head(32, hidden=32)),
    "DINO": DINO,
    "BarlowTwins": BarlowTwins,
    "VICReg": VICReg,
    "LeJEPA": LeJEPA,
}


@pytest.mark.parametrize("make", RESNET_METHODS.values(), ids=RESNET_METHODS)
def test_resnet18_takes_steps(make):
    """The same classes train torchvision's ResNet-18 for 32x32 images: a gradient everywhere."""
    torch.manual_seed(0)
    method = make(resnet18(), projection_head(512, hidden=64, out_features=32, batch_norm=True))

    def draw(generator):
        x = torch.rand(4, 3, 32, 32, generator=generator)
        return x, (x + 0.1 * torch.rand(x.shape, generator=generator)).clamp(0, 1)

    before = copy.deepcopy(method.encoder.state_dict())
    run = fit(method, draw, steps=2, lr=lambda step: 1e-3, progress=False)
    assert all(map(math.isfinite, run.history["loss"]))
    # 20 convolutions, 20 norms of two parameters each
    assert len(moved(before, method.encoder.state_dict())) == 60
    assert method.encode(torch.rand(2, 3, 32, 32)).shape == (2, 512)


def test_lejepa_is_agreement_and_the_test_of_each_view():
    """(1 - weight) times the squared distances to the mean of both, and weight times SIGReg."""
    encoder, projector, _ = parts()
    x1, x2 = views()
    z1, z2 = (projector(encoder(x)) for x in (x1, x2))
    mean = (z1 + z2) / 2
    distances = [(z - mean).square().mean() for z in (z1, z2)]
    method = make_lejepa(weight=0.3)
    for step in (0, 1):
        tests = [
            losses.sigreg(z, slices=16, generator=torch.Generator().manual_seed(step))
            for z in (z1, z2)
        ]
        expected = 0.7 * sum(distances) / 2 + 0.3 * sum(tests) / 2
        value, aux = method.loss(x1, x2)
        torch.testing.assert_close(value, expected)
        method.after_step(aux)
