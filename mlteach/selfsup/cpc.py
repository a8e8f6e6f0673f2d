"""CPC: the future of a sequence as its own label. Beside it: regression of the next frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.networks import in_mode

NEGATIVES = ("all", "batch", "sequence", "later")
SUMMARIES = ("mean", "last")


class Forecaster(nn.Module):
    """What CPC and NextFrame share: frames, what was heard up to each of them, and a forecast.

    Args:
        encoder: module (B, ...) -> (B, T, D); frame t must depend on the input at time t only.
        context: torch.nn.GRU, LSTM or RNN with batch_first=True that reads D numbers; one that
            reads backwards too (bidirectional) would have heard the answer.
        steps: how many frames ahead, each with a linear forecast of its own.
        out_features: how many numbers are forecast.
        summary: what `encode` makes of the T contexts, "mean" or "last".
    """

    def __init__(
        self,
        encoder: nn.Module,
        context: nn.RNNBase,
        *,
        steps: int,
        out_features: int,
        summary: str = "mean",
    ):
        super().__init__()
        _validate.module("encoder", encoder)
        _validate.instance("context", context, nn.RNNBase, "a torch.nn.GRU, LSTM or RNN")
        if not context.batch_first or context.bidirectional:
            raise ValueError("context must have batch_first=True and bidirectional=False")
        self.steps = _validate.count("steps", steps)
        self.summary = _validate.choice("summary", summary, SUMMARIES)
        self.encoder, self.context = encoder, context
        width = context.proj_size or context.hidden_size
        self.forecasts = nn.ModuleList(
            nn.Linear(width, out_features, bias=False) for _ in range(self.steps)
        )

    def frames(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, ...) -> (B, T, D) representations of frames, (B, T, C) contexts.

        Context t has heard the frames 0 to t and no other.

        Raises:
            TypeError, ValueError: x is no floating-point tensor, or the networks cannot take it.
        """
        z = _validate.outputs("encoder", self.encoder, x, of="x", dims=3)  # (B, T, D)
        if z.shape[2] != self.context.input_size:
            wanted = f"(B, T, {self.context.input_size}), which context reads"
            raise ValueError(f"encoder must give {wanted}, got {tuple(z.shape)}")
        if self.steps > len(self.forecasts):
            given = f"{self.steps}, and forecasts for {len(self.forecasts)}"
            raise ValueError(f"steps must not grow after the method was made, got {given}")
        try:
            return z, self.context(z)[0]
        except (RuntimeError, ValueError) as error:
            if isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            given = f"{tuple(z.shape)}, {_validate.kind(z)}"
            raise ValueError(f"context cannot take frames of {given}: {error}") from error

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, C): the mean of the contexts, or the last, as `summary` says."""
        _, c = self.frames(x)
        summary = _validate.choice("summary", self.summary, SUMMARIES)
        return c.mean(1) if summary == "mean" else c[:, -1]

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""


class CPC(Forecaster):
    r"""Contrastive predictive coding: which of these frames comes k steps later?

    .. math:: \ell_k = -\log \frac{\exp(z_{t+k}^\top W_k c_t)}
              {\sum_{j \in \mathrm{candidates}} \exp(z_j^\top W_k c_t)}

    Where the candidates come from decides what is learned:

    - "all": the frames of all sequences of the batch; the paper's choice.
    - "batch": the frames of the same moment, one of each sequence of the batch. In a batch of one
      there is nothing to find: the loss is 0.
    - "sequence": all frames of the same sequence. Those that were already heard can be told by
      remembering them.
    - "later": the next `horizon` frames of the same sequence; no heard one is among them.

    Args:
        encoder: module (B, ...) -> (B, T, D); frame t must depend on the input at time t only.
        context: torch.nn.GRU, LSTM or RNN with batch_first=True that reads D numbers.
        steps: K, how many frames ahead, each with a matrix W_k of its own.
        negatives: "all", "batch", "sequence" or "later"; read at every step.
        horizon: >= steps, how many frames follow among which `scores` and "later" seek the right
            one; None for 2 K; read at every step. There must be more frames than this.
        summary: what `encode` makes of the T contexts, "mean" or "last".

    Raises:
        TypeError, ValueError: an argument is not as described; by `loss` and `scores`, there are
            too few frames, or the networks cannot take them.

    Source: van den Oord et al. 2018, arXiv:1807.03748, Eq. (3) and (4). "later" is not theirs:
        their last line of Table 2 is "sequence".
    """

    def __init__(
        self,
        encoder: nn.Module,
        context: nn.RNNBase,
        *,
        steps: int = 4,
        negatives: str = "all",
        horizon: int | None = None,
        summary: str = "mean",
    ):
        _validate.instance("context", context, nn.RNNBase, "a torch.nn.GRU, LSTM or RNN")
        width = context.input_size
        super().__init__(encoder, context, steps=steps, out_features=width, summary=summary)
        self.negatives = _validate.choice("negatives", negatives, NEGATIVES)
        horizon = 2 * self.steps if horizon is None else horizon
        self.horizon = _validate.count("horizon", horizon, at_least=self.steps)

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """InfoNCE, averaged over the steps and over all moments that have a frame so far ahead.

        Args:
            x: (B, ...) sequences.

        Returns:
            (), log of the number of candidates for a collapsed network; and, free of gradients,
            {"loss": (K,) per step, "accuracy": (K,) per step, "candidates": (K,) how many}.
        """
        z, c = self.frames(_not_empty(x))
        losses, hits, numbers = [], [], []
        for step in range(1, self.steps + 1):
            logits, target = self._logits(z, c, step)  # (moments, candidates), (moments,)
            losses.append(F.cross_entropy(logits, target))
            hits.append(first_alone(logits.detach(), target).to(z.dtype).mean())
            numbers.append(logits.shape[1])
        each = torch.stack(losses)
        aux = {"loss": each.detach(), "accuracy": torch.stack(hits)}
        return each.mean(), aux | {"candidates": torch.tensor(numbers)}

    def scores(self, x: Tensor, step: int) -> Tensor:
        """How well each of the next frames fits as the one that comes `step` later.

        Args:
            x: (B, ...) sequences of T > horizon frames.
            step: 1 to K.

        Returns:
            (B, T - horizon, horizon): entry [b, t, j] is the score of frame t + 1 + j, so that
            column step - 1 is the right one.
        """
        step = _validate.count("step", step, at_most=self.steps)
        z, c = self.frames(x)
        return self._later(z, self.forecasts[step - 1](c))

    def _logits(self, z: Tensor, c: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """(moments, candidates) scores, and (moments,) the column of the right frame."""
        size, length = z.shape[:2]
        if length <= step:
            raise ValueError(f"x must give more than steps={self.steps} frames, got {length}")
        negatives = _validate.choice("negatives", self.negatives, NEGATIVES)
        p, device = self.forecasts[step - 1](c), z.device  # (B, T, D)
        if negatives == "later":
            logits = self._later(z, p).flatten(0, 1)
            return logits, torch.full((len(logits),), step - 1, device=device)
        p, future = p[:, :-step], z[:, step:]  # (B, T - step, D) each, moment by moment
        if negatives == "sequence":
            target = torch.arange(step, length, device=device).repeat(size)
            return (p @ z.mT).flatten(0, 1), target
        if negatives == "batch":
            logits = p.transpose(0, 1) @ future.permute(1, 2, 0)  # (T - step, B, B)
            return logits.flatten(0, 1), torch.arange(size, device=device).repeat(length - step)
        logits = p.flatten(0, 1) @ future.flatten(0, 1).mT
        return logits, torch.arange(len(logits), device=device)

    def _later(self, z: Tensor, p: Tensor) -> Tensor:
        """(B, T - horizon, horizon): each forecast with each of the frames that follow."""
        _validate.count("horizon", self.horizon, at_least=self.steps)
        if z.shape[1] <= self.horizon:
            raise ValueError(
                f"x must give more than horizon={self.horizon} frames, got {z.shape[1]}"
            )
        following = z[:, 1:].unfold(1, self.horizon, 1)  # (B, T - horizon, D, horizon)
        return torch.einsum("btd,btdj->btj", p[:, : -self.horizon], following)


class NextFrame(Forecaster):
    r"""Regression of the future: each frame as it is, k steps ahead, by the least squared error.

    .. math:: \ell_k = \frac1F \lVert x_{t+k} - W_k c_t - b \rVert^2

    Args:
        encoder: module (B, ...) -> (B, T, D); frame t must depend on the input at time t only.
        context: torch.nn.GRU, LSTM or RNN with batch_first=True that reads D numbers.
        target: module (B, ...) -> (B, T, F) that is not trained: what is to be forecast, such as
            a `mlteach.networks.LogSpectrogram`. It is asked in evaluation mode.
        target_features: F.
        steps: K, how many frames ahead, each with a matrix W_k of its own; b is shared.
        summary: what `encode` makes of the T contexts, "mean" or "last".

    Raises:
        TypeError, ValueError: an argument is not as described; by `loss`, there are too few frames,
            or the networks cannot take them.

    Source: the idea of Chung et al. 2019, arXiv:1904.03240 (autoregressive predictive coding), here
        with the squared error instead of the absolute one, and several steps instead of one.
    """

    def __init__(
        self,
        encoder: nn.Module,
        context: nn.RNNBase,
        target: nn.Module,
        *,
        target_features: int,
        steps: int = 4,
        summary: str = "mean",
    ):
        width = _validate.count("target_features", target_features)
        super().__init__(encoder, context, steps=steps, out_features=width, summary=summary)
        self.target = _validate.module("target", target)
        self.bias = nn.Parameter(torch.zeros(width))

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared error over all steps, moments and numbers of a frame.

        Args:
            x: (B, ...) sequences of T > K frames.

        Returns:
            (), the variance of the frames for a forecast that is always their mean; and, free of
            gradients, {"loss": (K,) per step}.
        """
        _, c = self.frames(_not_empty(x))
        frames = self._frames_to_forecast(x)  # (B, T, F)
        if frames.shape[1] <= self.steps:
            given = frames.shape[1]
            raise ValueError(f"x must give more than steps={self.steps} frames, got {given}")
        if frames.shape[:2] != c.shape[:2] or frames.shape[2] != len(self.bias):
            wanted = (*c.shape[:2], len(self.bias))
            raise ValueError(f"target must give {wanted}, got {tuple(frames.shape)}")
        losses = [
            F.mse_loss(forecast(c[:, :-step]) + self.bias, frames[:, step:])
            for step, forecast in enumerate(self.forecasts, 1)
        ]
        each = torch.stack(losses)
        return each.mean(), {"loss": each.detach()}

    @torch.no_grad()
    def _frames_to_forecast(self, x: Tensor) -> Tensor:
        """(B, T, F): the target in evaluation mode, so that not even its statistics move."""
        with in_mode(self.target, training=False):
            return _validate.outputs("target", self.target, x, of="x", dims=3)


def _not_empty(x: Tensor) -> Tensor:
    """At least one sequence: of none there is no mean."""
    if _validate.floats("x", x).shape[:1] == (0,):
        raise ValueError(f"x must hold at least one sequence, got shape {tuple(x.shape)}")
    return x


def first_alone(logits: Tensor, target: Tensor) -> Tensor:
    """(N,) whether the right candidate scores higher than every other; a tie is no hit."""
    right = logits.gather(1, target[:, None])
    return (logits >= right).sum(1) == 1
