"""Impulses from a relative position bias: the table itself is the shift.

Shapes: ``N`` tokens of a window, ``T`` patches, ``H`` heads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import BlockView, RelativeBias
from headstart.initialization.sharpness import at, fit_gain

__all__ = ["write_table"]


def write_table(block: BlockView, bias: RelativeBias, targets: Tensor, x: Tensor, sharpness: float) -> float:
    """Set a block's relative bias so that each head gives ``sharpness`` of its attention to its target.

    The bias is g on the entry of the head's offset and 0 on all others: attention is then e^g/(e^g + n − 1) on the
    target, the same in every row that sees n tokens, whatever the window's shift. Queries and keys stay as they are;
    what they add on the inputs ``x`` (n, N, D) is taken into account by the gain (``targets`` (H, T), −1 for none).
    Where cosine attention has a learned temperature (2111.09883) it is set to one, from the usual ten, so that contents
    do not speak louder than the bias. Returns the largest difference between the biases wanted and those the model
    gives: none for a table, for Swin-v2's network what it cannot press to zero.
    """
    if block.temperature is not None:
        block.temperature.detach().zero_()
    targets = targets.to(block.device)
    index = bias.index.to(block.device)
    entries = [_entry(index, target, block.prefix) for target in targets]
    bias.write(torch.zeros_like(bias.read()))
    queries, keys = block.queries_keys(x)
    still = block.fixed_logits(x)[:, 0] if block.mask is not None else None
    scale = block.scale if block.temperature is None else 1.0

    def logits(head: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        content = at(queries[:, head], rows) @ keys[:, head].transpose(-1, -2) * scale
        if still is not None:
            content = content + still[:, rows[0]]
        return content, (index[rows] == entries[head]).to(x)

    gain = fit_gain(logits, len(x), block, targets, sharpness)
    table = torch.zeros_like(bias.read(), dtype=torch.float64)
    table[entries, range(block.heads)] = gain
    bias.write(table)
    return float((bias.read() - table).abs().max())


def _entry(index: Tensor, target: Tensor, prefix: int) -> int:
    """The table's entry for the offset from each patch to its target."""
    row = int((target >= 0).nonzero()[0, 0])
    return int(index[prefix + row, prefix + int(target[row])])
