"""Small networks in which points or words look at each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate


class InContext(nn.Module):
    r"""Reads a task's support and answers its queries in one forward pass, without a gradient step.

    Support points and queries become tokens. In every block each of them looks at the support,

    .. math:: t \leftarrow t + \sum_i \mathrm{softmax}_i\big(q(t) \cdot k(s_i) / \sqrt d\big) v(s_i)

    with a softmax of its own in each head, of d = width / heads numbers, whose sums a linear layer
    joins; and then it passes through a small network of its own. Tokens are normalised before both.
    Nobody looks at a query. So the answer to a query depends neither on the other queries nor on
    the order of the support, and the support may have any size.

    Args:
        width: of the tokens; a multiple of heads.
        heads: of each attention.
        blocks: attention and small network after each other, this many times.

    Returns:
        Module (x_support, y_support, x_query) -> (T, M, 1) for T tasks with N >= 1 support points
        and M queries: (T, N, 1), (T, N, 1) and (T, M, 1).

    Raises:
        TypeError: a size that is no whole number; by the module, what is no floating-point tensor.
        ValueError: a size below 1, or width is no multiple of heads; by the module, other shapes.

    Source: Müller et al. 2022, arXiv:2112.10510, Figure 1: queries look at the support only; here
        without a distribution as output, so that the squared error trains the posterior mean.
    """

    def __init__(self, *, width: int = 32, heads: int = 2, blocks: int = 2):
        super().__init__()
        width, heads = _validate.count("width", width), _validate.count("heads", heads)
        blocks = _validate.count("blocks", blocks)
        if width % heads:
            raise ValueError(f"heads must divide width, got {heads} heads and width {width}")
        self.point = _hidden(2, width, width)
        self.query = _hidden(1, width, width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.answer = nn.Linear(width, 1)

    def forward(self, x_support: Tensor, y_support: Tensor, x_query: Tensor) -> Tensor:
        """(T, N, 1), (T, N, 1) and (T, M, 1) -> (T, M, 1), the answers to the queries."""
        _validate.shaped("x_support", _validate.floats("x_support", x_support), "T", "N", 1)
        n_tasks, size, _ = x_support.shape
        _validate.shaped("y_support", _validate.floats("y_support", y_support), n_tasks, size, 1)
        _validate.shaped("x_query", _validate.floats("x_query", x_query), n_tasks, "M", 1)
        if size < 1:
            raise ValueError(f"x_support must hold a point, got shape {tuple(x_support.shape)}")
        support = self.point(torch.cat([x_support, y_support], -1))  # (T, N, width)
        query = self.query(x_query)  # (T, M, width)
        for block in self.blocks:
            support, query = block(support, support), block(query, support)
        return self.answer(query)


class _Block(nn.Module):
    """One block of `InContext`: tokens (T, L, width) look at the support (T, N, width)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.join = (nn.Linear(width, width) for _ in range(4))
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.think = _hidden(width, 2 * width, width)

    def forward(self, tokens: Tensor, support: Tensor) -> Tensor:
        seen, own = self.before(support), self.before(tokens)
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (T, heads, L or N, d)
            for part in (self.q(own), self.k(seen), self.v(seen))
        )
        found = F.scaled_dot_product_attention(q, k, v)
        tokens = tokens + self.join(found.transpose(1, 2).flatten(2))
        return tokens + self.think(self.between(tokens))


class TextEncoder(nn.Module):
    r"""Reads the words of a text, lets each look at all others, and averages what they say.

    In every block each word looks at the words of its own text, as in `InContext`; the average is
    over the words that are there, and a linear layer gives it the width of the images' projection.
    Without blocks and places it is a bag of words: the order does not count.

    Args:
        n_words: size of the vocabulary; word 0 means that there is none.
        out_features: P, features of the projection.
        width: of the words' vectors; a multiple of heads.
        heads: of each attention.
        blocks: >= 0.
        longest: words of the longest text that has places; later words share the last place.
        dropout: in [0, 1), share of the numbers that is left out at random in training, of the
            words' vectors and of each block's answer.

    Returns:
        Module (B, L) -> (B, P): whole numbers below n_words, filled up with 0.

    Raises:
        TypeError: a size that is no whole number.
        ValueError: a size below 1, dropout outside [0, 1), or width is no multiple of heads; by a
            call, a text without a word, or a number that is no word.
    """

    def __init__(
        self,
        n_words: int,
        *,
        out_features: int = 64,
        width: int = 64,
        heads: int = 2,
        blocks: int = 1,
        longest: int = 16,
        dropout: float = 0.0,
    ):
        super().__init__()
        n_words, width = _validate.count("n_words", n_words), _validate.count("width", width)
        heads, out_features = (
            _validate.count("heads", heads),
            _validate.count("out_features", out_features),
        )
        blocks = _validate.count("blocks", blocks, at_least=0)
        dropout = _validate.strength("dropout", dropout, at_most=1)
        if dropout == 1:
            raise ValueError("dropout must be below 1, got 1: no word would be left")
        if width % heads:
            raise ValueError(f"heads must divide width, got {heads} heads and width {width}")
        self.words = nn.Embedding(n_words, width)
        self.places = nn.Embedding(_validate.count("longest", longest), width)
        self.blocks = nn.ModuleList(_WordBlock(width, heads, dropout) for _ in range(blocks))
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(width, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = _validate.tokens("tokens", tokens, size=self.words.num_embeddings)
        there = tokens > 0  # (B, L)
        if not _validate.holds(there.any(1).all()):
            raise ValueError("tokens must have a word in every text, got a text of zeros")
        place = torch.arange(tokens.shape[1], device=tokens.device)
        words = self.words(tokens)
        if self.blocks:
            words = words + self.places(place.clamp(max=self.places.num_embeddings - 1))
        words = self.dropout(words)
        for block in self.blocks:
            words = block(words, there)
        summed = (words * there[..., None]).sum(1)
        return self.answer(summed / there.sum(1, keepdim=True))


class _WordBlock(nn.Module):
    """One block of `TextEncoder`: words (B, L, width) look at the words of their own text."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.qkv, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.think = _hidden(width, 2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, there: Tensor) -> Tensor:
        qkv = self.qkv(self.before(words)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, L, d) each
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        words = words + self.dropout(self.join(found.transpose(1, 2).flatten(2)))
        return words + self.dropout(self.think(self.between(words)))


def _hidden(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.GELU(), nn.Linear(n_hidden, n_out))
