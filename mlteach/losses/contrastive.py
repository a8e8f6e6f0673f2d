"""Contrastive losses: a cross-entropy that has to find the positive among candidates."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mlteach import _validate
from mlteach.losses._shared import floats, logits_to_others, matching_rows, matmul, unit


def info_nce(
    query: Tensor, positive: Tensor, negatives: Tensor, *, temperature: float | Tensor = 0.1
) -> Tensor:
    r"""InfoNCE: each query must find its positive among 1 + K candidates.

    .. math:: \ell_i = -\log
              \frac{\exp(s_i^+/\tau)}{\exp(s_i^+/\tau) + \sum_{k=1}^K \exp(s_{i,k}/\tau)},
              \quad s_i^+ = \cos(q_i, p_i), \; s_{i,k} = \cos(q_i, n_k)

    Args:
        query: (B, D), any scale (normalised here).
        positive: (B, D), row i is the positive of query i.
        negatives: (K >= 1, D) shared by all queries, or (B, K >= 1, D), an own set for each.
        temperature: > 0, divides a cosine; a 0-d tensor receives a gradient.

    Returns:
        () mean over the B queries, in nats; log(1 + K) when all vectors coincide.

    Raises:
        TypeError: an argument is not a floating-point tensor, or temperature is not a number.
        ValueError: the shapes do not fit, or temperature <= 0.

    Source: van den Oord et al. 2018, arXiv:1807.03748, Eq. (4), with the cosine over a temperature
        as the score, as in He et al. 2020, arXiv:1911.05722, Eq. (1), instead of the paper's
        log-bilinear one.
    """
    temperature = _validate.number("temperature", temperature, above=0)
    query, positive, negatives = floats(query=query, positive=positive, negatives=negatives)
    matching_rows(query=query, positive=positive)
    batch, dim = query.shape
    own_sets = [batch] if negatives.dim() == 3 else []
    _validate.shaped("negatives", negatives, *own_sets, "K", dim, at_least=1)
    query = unit(query)
    positive = unit(positive)
    negatives = unit(negatives)
    positive_cosine = (query * positive).sum(1, keepdim=True)  # (B, 1)
    negative_cosines = matmul(query[:, None], negatives.mT).squeeze(1)  # (B, K)
    logits = torch.cat([positive_cosine, negative_cosines], dim=1) / temperature  # (B, 1 + K)
    return F.cross_entropy(logits, logits.new_zeros(batch, dtype=torch.long))


def nt_xent(
    z1: Tensor, z2: Tensor, *, temperature: float | Tensor = 0.5, chunk_size: int | None = None
) -> Tensor:
    r"""NT-Xent, SimCLR's loss: each view must find its positive among the 2B - 1 other views.

    .. math:: \ell_i = -\log \frac{\exp(s_{i,i^+}/\tau)}{\sum_{k \ne i} \exp(s_{i,k}/\tau)},
              \quad s_{i,k} = \cos(z_i, z_k)

    The positive is one of the 2B - 1 terms of the sum; the view itself is not.

    Args:
        z1: (B, P) projections of view 1, any scale (normalised here); row i is image i.
        z2: (B, P) projections of view 2, in the same image order.
        temperature: > 0, divides a cosine; smaller weighs the hardest negatives more. A 0-d tensor
            receives a gradient.
        chunk_size: None, or how many anchors are compared at a time. The loss and its gradient stay
            the same, the memory falls from 2B x 2B to chunk_size x 2B, and the similarities are
            computed a second time in the backward pass. Not inside `torch.func` transforms, which
            refuse recomputation.

    Returns:
        () mean over the 2B anchors, in nats; log(2B - 1) when all rows coincide.

    Raises:
        TypeError: z1 or z2 is not a floating-point tensor, temperature is not a number, or
            chunk_size is not a whole number.
        ValueError: the shapes differ or are not (B >= 2, P), temperature <= 0, or chunk_size < 1.

    Source: Chen et al. 2020, arXiv:2002.05709, Eq. (1).
    """
    temperature = _validate.number("temperature", temperature, above=0)
    z1, z2 = matching_rows(z1=z1, z2=z2, at_least=2)
    z = unit(torch.cat([z1, z2]))  # (2B, P)
    positive = torch.arange(len(z), device=z.device).roll(len(z1))  # (2B,) the other view's row
    if chunk_size is not None:
        return _in_chunks(z, positive, temperature, _validate.count("chunk_size", chunk_size))
    logits = logits_to_others(z, temperature)  # (2B, 2B)
    return F.cross_entropy(logits, positive)


def _in_chunks(z: Tensor, positive: Tensor, temperature: float | Tensor, chunk_size: int) -> Tensor:
    """NT-Xent of chunk_size anchors at a time, whose logits the backward pass computes again."""

    def summed(anchors: Tensor, positives: Tensor, first: int, z: Tensor, temperature) -> Tensor:
        logits = logits_to_others(z, temperature, anchors=anchors, first=first)
        return F.cross_entropy(logits, positives, reduction="sum")

    total = z.new_zeros(())
    chunks = zip(z.split(chunk_size), positive.split(chunk_size), strict=True)
    for number, (anchors, positives) in enumerate(chunks):
        arguments = (anchors, positives, number * chunk_size, z, temperature)
        total = total + checkpoint(
            summed, *arguments, use_reentrant=False, preserve_rng_state=False
        )
    return total / len(z)


def supervised_contrastive(
    z: Tensor, labels: Tensor, *, temperature: float | Tensor = 0.1
) -> Tensor:
    r"""Supervised contrastive loss: each row must find all other rows that share its label.

    .. math:: \ell_i = -\frac{1}{|P(i)|} \sum_{p \in P(i)}
              \log \frac{\exp(s_{i,p}/\tau)}{\sum_{a \ne i} \exp(s_{i,a}/\tau)},
              \quad s_{i,a} = \cos(z_i, z_a)

    A row whose label occurs once has no positive: it is left out as an anchor and stays a negative
    of the others. With two views as z = cat([z1, z2]) and one label an image, this is `nt_xent`.

    Args:
        z: (N, P) projections, any scale (normalised here).
        labels: (N,) class of each row; only equality matters.
        temperature: > 0, divides a cosine; a 0-d tensor receives a gradient.

    Returns:
        () mean over the anchors that have a positive, in nats; log(N - 1) when all rows coincide,
        and 0, with a zero gradient, when no two labels are equal.

    Raises:
        TypeError: z is not a floating-point tensor, labels not a tensor, or temperature not a
            number.
        ValueError: z is not (N >= 2, P), labels is not (N,) or not finite, or temperature <= 0.

    Source: Khosla et al. 2020, arXiv:2004.11362, Eq. (2), L_out, as a mean instead of a sum over
        anchors. The authors' code multiplies it by temperature / 0.07, which only scales the
        learning rate; here it is a cross-entropy.
    """
    temperature = _validate.number("temperature", temperature, above=0)
    (z,) = matching_rows(z=z, at_least=2)
    _validate.shaped("labels", _validate.tensor("labels", labels), len(z))
    _validate.finite("labels", labels)  # no NaN is equal to any
    z = unit(z)
    others = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    positives = (labels[:, None] == labels) & others  # (N, N)
    log_probability = logits_to_others(z, temperature).log_softmax(1)  # (N, N)
    summed = -torch.where(positives, log_probability, 0).sum(1)  # (N,)
    losses = summed / positives.sum(1).clamp(min=1)
    return losses.sum() / positives.any(1).sum().clamp(min=1)


def clip_loss(image: Tensor, text: Tensor, *, temperature: float | Tensor = 0.07) -> Tensor:
    r"""CLIP's loss: each image must find its text among the batch's texts, and each text its image.

    .. math:: \ell = \frac{1}{2B} \sum_i
              \left(-\log \frac{\exp(s_{i,i}/\tau)}{\sum_k \exp(s_{i,k}/\tau)}
              - \log \frac{\exp(s_{i,i}/\tau)}{\sum_k \exp(s_{k,i}/\tau)}\right),
              \quad s_{i,k} = \cos(\mathrm{image}_i, \mathrm{text}_k)

    Args:
        image: (B, P) image projections, any scale (normalised here).
        text: (B, P) text projections; row i belongs to image i.
        temperature: > 0, divides a cosine; a 0-d tensor receives a gradient (CLIP learns its
            logarithm).

    Returns:
        () mean over both directions, in nats; log(B) when all rows coincide.

    Raises:
        TypeError: image or text is not a floating-point tensor, or temperature is not a number.
        ValueError: the shapes differ or are not (B >= 2, P), or temperature <= 0.

    Source: Radford et al. 2021, arXiv:2103.00020, Figure 3.
    """
    temperature = _validate.number("temperature", temperature, above=0)
    image, text = matching_rows(image=image, text=text, at_least=2)
    logits = matmul(unit(image) / temperature, unit(text).mT)  # (B, B)
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.mT, own)) / 2


def siglip_loss(
    image: Tensor,
    text: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    bias: float | Tensor = -10.0,
) -> Tensor:
    r"""SigLIP's loss: each image and each text are asked, alone, whether they belong together.

    .. math:: \ell = -\frac{1}{B} \sum_i \sum_k \log \sigma\big(y_{i,k}
              (s_{i,k} / \tau + b)\big), \quad s_{i,k} = \cos(\mathrm{image}_i, \mathrm{text}_k)

    where y is 1 for a pair (i = k) and -1 for the other B - 1 texts of each image. No pair appears
    in the term of another: there is no denominator over the batch.

    Args:
        image: (B, P) image projections, any scale (normalised here).
        text: (B, P) text projections; row i belongs to image i.
        temperature: > 0, divides a cosine; the paper's t is 1 / temperature, and starts at 10. A
            0-d tensor receives a gradient (SigLIP learns the logarithm of t).
        bias: finite, b, added to every logit; it starts at -10, so that the many wrong pairs cost
            nothing at first. A 0-d tensor receives a gradient.

    Returns:
        () the sum over all B x B pairs divided by B, in nats; log(1 + exp(-l)) + (B - 1)
        log(1 + exp(l)) with l = 1 / temperature + bias when all rows coincide.

    Raises:
        TypeError: image or text is not a floating-point tensor, or temperature or bias is not a
            number.
        ValueError: the shapes differ or are not (B >= 2, P), temperature <= 0, or bias is not
            finite.

    Source: Zhai et al. 2023, arXiv:2303.15343, Algorithm 1.
    """
    temperature = _validate.number("temperature", temperature, above=0)
    bias = _validate.number("bias", bias)
    image, text = matching_rows(image=image, text=text, at_least=2)
    logits = matmul(unit(image) / temperature, unit(text).mT) + bias  # (B, B)
    sign = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(sign * logits).sum() / len(logits)
