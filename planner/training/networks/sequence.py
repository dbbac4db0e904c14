"""Transformer encoder over tokens.

Source: Vaswani et al., *Attention Is All You Need* (2017), with the norm before each block (Xiong et al.,
*On Layer Normalization in the Transformer Architecture*, 2020) and learnt positional embeddings.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from planner.encoding.tokens import MAX_TOKENS


class TokenTable(nn.Module):
    """Token embedding table; the last row is padding."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(tokens + 1, width) * width**-0.5)
        with torch.no_grad():
            self.weight[-1] = 0

    def forward(self, tokens: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`tokens` and `weights` (B, K) → embeddings (B, K, width), and `weights` for the attention mask."""
        return functional.embedding(tokens, self.weight), weights

    def ragged(self, ids: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, for concatenated inputs, where input i starts at `offsets[i]`."""
        rows = list(ids.tensor_split(offsets[1:].long().cpu()))
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.weight.shape[0] - 1)
        lengths = torch.tensor([len(row) for row in rows], device=ids.device)
        filled = torch.arange(padded.shape[1], device=ids.device) < lengths[:, None]
        return self.forward(padded, filled.to(self.weight.dtype))


class TransformerBlock(nn.Module):
    """Pre-norm Transformer block: self-attention and a feed-forward layer with residual connections."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.before_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """`rows` (B, K, width); `mask` (B, 1, 1, K) is added to the attention scores: 0, or a large negative number."""
        parts = self.attention(self.before_attention(rows)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, K, width / heads)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        rows = rows + self.dropout(self.joined(seen.transpose(1, 2).flatten(2)))
        fed: Tensor = rows + self.dropout(self.feed(self.before_feed(rows)))
        return fed


class SequenceEncoder(nn.Module):
    """Transformer blocks, mean pooling without padding, and a linear output layer."""

    def __init__(self, width: int, layers: int, heads: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(MAX_TOKENS, width) * width**-0.5)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, outputs)

    def forward(self, embedded: tuple[Tensor, Tensor]) -> Tensor:
        """Embeddings (B, K, width), K at most `MAX_TOKENS`, and weights (B, K) → outputs (B, outputs)."""
        rows, weights = embedded
        mask = ((weights - 1) * 1e9)[:, None, None, :]
        rows = rows + self.places[: rows.shape[1]]
        for block in self.blocks:
            rows = block(rows, mask)
        share = weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
        pooled = (self.norm(rows) * share.unsqueeze(2)).sum(dim=1)
        logits: Tensor = self.out(pooled)
        return logits
