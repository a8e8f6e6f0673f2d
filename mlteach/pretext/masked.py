"""Masked patches: fill in what is hidden, as pixels or as a representation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.networks import AverageAndMaxPool
from mlteach.pretext.patches import check_mask, hide, pixels_of
from mlteach.training.moving_average import move_towards, slow_copy


class MaskedReconstruction(nn.Module):
    r"""Learns by painting what is hidden: the squared error of the hidden pixels.

    .. math:: \ell = \frac{1}{|M|} \sum_{i \in M} (\hat x_i - x_i)^2, \quad
              M \text{ the pixels of hidden patches}

    Args:
        encoder: module (B, C, H, W) -> (B, D, h, w), a map of features.
        decoder: module (B, D, h, w) -> (B, C, H, W).
        everywhere: count the visible pixels as well, which a network can copy.

    Raises:
        TypeError, ValueError: encoder or decoder is no network, everywhere is no bool; by `loss`,
            mask does not divide the images, hides nothing, or the networks do not fit the images.

    Source: He et al. 2022, arXiv:2111.06377 (MAE), for the loss. There a transformer sees the
        visible patches only; here a convolutional network sees all, the hidden ones in grey, as in
        Pathak et al. 2016, arXiv:1604.07379.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *, everywhere: bool = False):
        super().__init__()
        _validate.modules(encoder=encoder, decoder=decoder)
        self.encoder, self.decoder = encoder, decoder
        self.everywhere = _validate.flag("everywhere", everywhere)
        self.pool = AverageAndMaxPool()

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 * D): each feature's average and maximum over the map."""
        return self.pool(_validate.outputs("encoder", self.encoder, x, dims=4))

    def reconstruct(self, images: Tensor, mask: Tensor) -> Tensor:
        """(B, C, H, W): visible patches as they are, hidden ones as the network paints them.

        Args:
            images: (B, C, H, W).
            mask: (B, rows, columns) bool, True where hidden.
        """
        with torch.no_grad():
            return torch.where(pixels_of(images, mask), self._painted(images, mask), images)

    def loss(self, images: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared error of the hidden pixels; 0 for a network that guesses them all.

        Args:
            images: (B, C, H, W).
            mask: (B, rows, columns) bool, True where hidden, at least one of all; see
                `random_mask`.

        Returns:
            () and {"hidden", "visible"}: the () mean squared errors of either part, NaN for the
            visible one where nothing is visible.
        """
        hidden = pixels_of(images, mask).to(images.dtype)  # (B, 1, H, W)
        if not _validate.holds(hidden.any()):
            raise ValueError("mask must hide at least one patch")
        error = (self._painted(images, mask) - images).square().mean(1, keepdim=True)
        aux = {
            "hidden": (error * hidden).sum() / hidden.sum(),
            "visible": (error * (1 - hidden)).sum() / (1 - hidden).sum(),
        }
        loss = error.mean() if self.everywhere else aux["hidden"]
        return loss, {name: value.detach() for name, value in aux.items()}

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move."""

    def _painted(self, images: Tensor, mask: Tensor) -> Tensor:
        """(B, C, H, W), everything as the decoder paints it."""
        h = _validate.outputs("encoder", self.encoder, hide(images, mask), of="images", dims=4)
        painted = _validate.outputs("decoder", self.decoder, h, dims=4)
        if painted.shape != images.shape:
            given = tuple(painted.shape)
            raise ValueError(f"decoder must give images {tuple(images.shape)}, got {given}")
        return painted


class MaskedLatents(nn.Module):
    r"""Learns by predicting what a slow copy of the encoder says of the hidden patches.

    .. math:: \ell = \frac{1}{|M|} \sum_{i \in M} \lVert p_i - \bar z'_i \rVert^2 / D, \quad
              \theta' \leftarrow m\,\theta' + (1 - m)\,\theta

    The target network sees the whole image; its features z' of each cell are standardised over the
    D channels. The online network sees the image with the hidden patches in grey, and the predictor
    says from its map p what the target's map holds where M is hidden.

    Args:
        encoder: module (B, C, H, W) -> (B, D, h, w), a map of features.
        predictor: module (B, D, h, w) -> (B, D, h, w).
        decay: m in [0, 1], read at every step.

    Raises:
        TypeError, ValueError: encoder or predictor is no network, decay is no number in [0, 1]; by
            `loss`, mask does not divide the images or the map into equal parts, hides no whole cell
            of the map, or the networks do not fit.

    Source: Assran et al. 2023, arXiv:2301.08243 (I-JEPA), Section 3, where a transformer sees the
        visible patches only and predicts four blocks; here as in `MaskedReconstruction`.
    """

    def __init__(self, encoder: nn.Module, predictor: nn.Module, *, decay: float = 0.99):
        super().__init__()
        _validate.modules(encoder=encoder, predictor=predictor)
        _validate.number("decay", decay, at_least=0, at_most=1)
        self.encoder, self.predictor, self.decay = encoder, predictor, decay
        self.target = slow_copy(encoder=encoder)[0].requires_grad_(False)
        self.pool = AverageAndMaxPool()

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 * D): each feature's average and maximum over the map."""
        return self.pool(_validate.outputs("encoder", self.encoder, x, dims=4))

    def loss(self, images: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared difference of the hidden cells' predictions and targets.

        Args:
            images: (B, C, H, W).
            mask: (B, rows, columns) bool, True where hidden; see `block_mask`. A cell of the map is
                hidden where all of its patches are.

        Returns:
            (), about 1 for predictions of 0; and {"std"}, the () mean standard deviation of the
            target's standardised features over cells and images: 0 where they have collapsed.
        """
        _validate.images("images", images, unit=False)
        with torch.no_grad():
            target = _validate.outputs("encoder", self.target, images, of="images", dims=4)
            target = F.layer_norm(target.movedim(1, 3), target.shape[1:2])  # (B, h, w, D)
        h = _validate.outputs("encoder", self.encoder, hide(images, mask), of="images", dims=4)
        p = _validate.outputs("predictor", self.predictor, h, dims=4).movedim(1, 3)
        if p.shape != target.shape:
            given = tuple(p.movedim(3, 1).shape)
            raise ValueError(f"predictor must give a map {tuple(h.shape)}, got {given}")
        hidden = hidden_cells(images, mask, p.shape[1:3])
        loss = (p[hidden] - target[hidden]).square().mean()
        return loss, {"std": target.flatten(0, 2).std(0, correction=0).mean()}

    @torch.no_grad()
    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Moves the target network towards the encoder."""
        move_towards(self.target, self.encoder, decay=self.decay)


def hidden_cells(images: Tensor, mask: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, h, w) bool: the cells of a map of that size whose patches are all hidden."""
    mask = check_mask(images, mask)
    rows, columns = mask.shape[1] // size[0], mask.shape[2] // size[1]
    if mask.shape[1:] != (rows * size[0], columns * size[1]):
        given = f"{mask.shape[1]} x {mask.shape[2]}"
        wanted = f"a whole number of rows and columns for each of {size[0]} x {size[1]} cells"
        raise ValueError(f"mask must have {wanted} of the map, got {given}")
    hidden = mask.unflatten(2, (size[1], columns)).unflatten(1, (size[0], rows)).all(4).all(2)
    if not _validate.holds(hidden.any()):
        raise ValueError(f"mask must hide a whole cell of the {size[0]} x {size[1]} map")
    return hidden
