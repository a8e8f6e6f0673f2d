"""CLIP and SigLIP: an image and its text are the two views."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import clip_loss, siglip_loss
from mlteach.selfsup._shared import check_width, pictured

LOSSES = ("clip", "siglip")
COLDEST = 0.01  # Radford et al. keep 1 / temperature at 100 or below


class CLIP(nn.Module):
    """CLIP: an image and the text that belongs to it attract each other, all other pairs repel.

    Temperature and, for SigLIP, bias are learned: ``method.temperature`` and ``method.bias`` tell
    where they are.

    Args:
        image_encoder: module (B, ...) -> (B, P).
        text_encoder: module (B, L) -> (B, P), of whole numbers, such as
            `mlteach.networks.TextEncoder`.
        loss: "clip", a softmax over the batch in both directions, or "siglip", a sigmoid for each
            pair.
        temperature: > 0, where the learned one starts; None for the paper's, 0.07 for "clip" and
            0.1 for "siglip".
        bias: where SigLIP's learned bias starts; "clip" has none.
        learned: False keeps temperature and bias where they start.

    Raises:
        TypeError, ValueError: an encoder is no network, loss is another name, temperature <= 0, or
            bias is no finite number; by `loss`, the batches differ in length, or the networks do
            not fit.

    Source: Radford et al. 2021, arXiv:2103.00020, Figure 3; Zhai et al. 2023, arXiv:2303.15343,
        Algorithm 1. Here each encoder ends in the linear layer that both papers put behind theirs.
    """

    def __init__(
        self,
        image_encoder: nn.Module,
        text_encoder: nn.Module,
        *,
        loss: str = "clip",
        temperature: float | None = None,
        bias: float = -10.0,
        learned: bool = True,
    ):
        super().__init__()
        _validate.modules(image_encoder=image_encoder, text_encoder=text_encoder)
        self.kind = _validate.choice("loss", loss, LOSSES)
        if temperature is None:
            temperature = 0.07 if loss == "clip" else 0.1
        temperature = float(_validate.number("temperature", temperature, above=0))
        bias = float(_validate.number("bias", bias))
        learned = _validate.flag("learned", learned)
        self.image_encoder, self.text_encoder = image_encoder, text_encoder
        # the logarithm, so that no step can make it negative
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)), learned)
        self.bias = nn.Parameter(torch.tensor(bias), learned) if loss == "siglip" else None

    @property
    def temperature(self) -> Tensor:
        """(), > 0, as learned so far."""
        return self.log_temperature.exp()

    def encode_images(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, P), not normalised."""
        return _validate.outputs("image_encoder(x)", self.image_encoder, x)

    def encode(self, x: Tensor) -> Tensor:
        """`encode_images`, under the name that evaluations call."""
        return self.encode_images(x)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """(B, L) numbers of words -> (B, P), not normalised."""
        return _validate.outputs("text_encoder(tokens)", self.text_encoder, tokens, whole=True)

    def loss(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch of pairs.

        Args:
            x: (B >= 2, ...) images.
            tokens: (B, L) words of each image's text, in the same order.

        Returns:
            (), see `clip_loss` and `siglip_loss`; and {"z1", "z2", "std", "temperature"}: images,
            texts, see `mlteach.selfsup`, and where the temperature is.
        """
        _validate.tokens("tokens", tokens)
        if _validate.floats("x", x).dim() < 2 or len(x) != len(tokens):
            raise ValueError(
                f"x must be ({len(tokens)}, ...), an image for each text, got {tuple(x.shape)}"
            )
        image, text = self.encode_images(x), self.encode_texts(tokens)  # (B, P) each
        check_width("text_encoder(tokens)", text, image)
        aux = pictured(z1=image, z2=text) | {"temperature": self.temperature.detach()}
        if self.bias is None:
            return clip_loss(image, text, temperature=self.temperature), aux
        return siglip_loss(image, text, temperature=self.temperature, bias=self.bias), aux

    @torch.no_grad()
    def after_step(self, aux: dict[str, Tensor]) -> None:
        """A learned temperature stays at 0.01 or above, whatever the step has made of it."""
        if self.log_temperature.requires_grad:
            self.log_temperature.clamp_(min=math.log(COLDEST))
