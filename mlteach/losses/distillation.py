"""Self-distillation: a student meets the softmax of a teacher, which is a slow copy of itself."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mlteach import _validate
from mlteach.losses._shared import floats, matching_rows


def dino_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    student_temperature: float | Tensor = 0.1,
    teacher_temperature: float | Tensor = 0.04,
    center: Tensor,
) -> Tensor:
    r"""DINO's loss: the student must say of one view what the teacher says of the other.

    .. math:: \ell_i = -\sum_{k=1}^K P_{i,k} \log S_{i,k}, \quad
              P_i = \operatorname{softmax}\left(\frac{t_i - c}{\tau_t}\right), \;
              S_i = \operatorname{softmax}\left(\frac{s_i}{\tau_s}\right)

    It is the teacher's entropy plus the divergence of the student from it, H(P) + KL(P, S).
    One direction; the method takes the mean with that of the two views swapped.

    Args:
        student: (B, K) the student's outputs, one logit for each of K prototypes; not normalised.
        teacher: (B, K) the teacher's outputs of the other view; receives no gradient.
        student_temperature: > 0, divides the student's logits; a 0-d tensor receives a gradient.
        teacher_temperature: > 0, divides the teacher's; lower than the student's it sharpens.
        center: (K,) subtracted from the teacher's outputs, zeros for no centring; receives no
            gradient.

    Returns:
        () mean over the batch, in nats; log K when both give every prototype the same.

    Raises:
        TypeError: student, teacher or center is not a floating-point tensor, or a temperature is
            not a number.
        ValueError: the shapes differ or are not (B, K), center is not (K,), or a temperature <= 0;
            the tensors are on several devices.

    Source: Caron et al. 2021, arXiv:2104.14294, Eqs. (1) to (3) and Algorithm 1.
    """
    student_temperature = _validate.number("student_temperature", student_temperature, above=0)
    teacher_temperature = _validate.number("teacher_temperature", teacher_temperature, above=0)
    student, teacher, center = floats(student=student, teacher=teacher, center=center)
    matching_rows(student=student, teacher=teacher)
    _validate.shaped("center", center, student.shape[1])
    targets = ((teacher - center) / teacher_temperature).softmax(1).detach()  # (B, K)
    return F.cross_entropy(student / student_temperature, targets)
