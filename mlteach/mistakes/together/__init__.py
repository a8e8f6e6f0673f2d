"""Mistakes where both halves of the book meet: tasks of single images, MAML's head, mixed batches.

The exercises of chapter 17 ask for these; the right definitions stand here too.
"""

from mlteach.mistakes.together.mixed import mixed_loss
from mlteach.mistakes.together.paired import paired_half_width
from mlteach.mistakes.together.tasks import one_view_task
from mlteach.mistakes.together.zero_head import zero_head_logits

__all__ = ["mixed_loss", "one_view_task", "paired_half_width", "zero_head_logits"]
