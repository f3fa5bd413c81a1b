"""The processes that train one model together, and what they have to agree on.

Under ``torchrun`` each process has its share of every batch; without it there is one, and nothing here costs anything.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from headstart.errors import HeadstartError
from headstart.training.recipe import Recipe

__all__ = ["Processes"]


class Processes:
    """Device, precision and the other processes, through Hugging Face Accelerate.

    Args:
        precision: ``auto`` (bfloat16 on a GPU that has it, else float32), ``float32`` or ``bfloat16``.

    Raises :class:`~headstart.errors.HeadstartError` for bfloat16 without a GPU.
    """

    def __init__(self, precision: str) -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        cuda = torch.cuda.is_available()
        if precision == "bfloat16" and not cuda:
            raise HeadstartError("precision 'bfloat16' needs a CUDA GPU; use --set precision=auto or float32 here.")
        mixed = precision == "bfloat16" or (precision == "auto" and cuda and torch.cuda.is_bf16_supported())
        # Accelerate keeps one precision per process; a comparison may come after a run of another.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(mixed_precision="bf16" if mixed else "no", cpu=not cuda)
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.count: int = self.accelerator.num_processes
        # What the hosts agree on goes from CPU to CPU, so that no device has to be waited for.
        self.hosts = distributed.new_group(backend="gloo") if self.count > 1 else None

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    def records(self, recipe: Recipe) -> bool:
        """Whether steps are recorded and replayed: on a GPU, in one process, where a batch is one part."""
        return recipe.graph and self.device.type == "cuda" and self.count == 1 and recipe.accumulate == 1

    def prepare(self, model: nn.Module) -> nn.Module:
        """The model as the loop calls it: in mixed precision, gradients averaged over the processes."""
        return self.accelerator.prepare_model(model)

    def prepare_evaluation(self, model: nn.Module) -> nn.Module:
        """The model in mixed precision, each process on its own."""
        return self.accelerator.prepare_model(model, evaluation_mode=True)

    def synchronize(self) -> None:
        """Until the device has done what was asked of it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            distributed.barrier(group=self.hosts)

    def largest(self, *numbers: int) -> list[int]:
        """The largest of each number over the processes: the same answer in all of them."""
        if self.count == 1:
            return list(numbers)
        values = torch.tensor(numbers)
        distributed.all_reduce(values, op=distributed.ReduceOp.MAX, group=self.hosts)
        return values.tolist()

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes; another tensor, or the same one where there is a single process."""
        return tensor if self.count == 1 else self.accelerator.reduce(tensor.clone(), reduction="sum")

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over the processes, likewise."""
        return self.sum(tensor) if self.count == 1 else self.sum(tensor) / self.count

    def mine(self, batch: int, parts: int) -> list[Tensor]:
        """The rows of a batch that this process takes, in ``parts`` of equal size: each int64 (batch / count / parts,).

        Part ``a`` of process ``r`` of ``n`` is the ``(a·n + r)``-th piece of the batch, so that the pieces of all
        processes make up the batch whatever ``n`` is.

        Raises :class:`~headstart.errors.HeadstartError` when the batch can't be cut so.
        """
        pieces = self.count * parts
        if batch % pieces:
            near = max(pieces, batch - batch % pieces)
            words = f"{self.count} processes" if parts == 1 else f"{self.count} processes × {parts} parts"
            raise HeadstartError(
                f"a batch of {batch} images can't be cut into equal pieces for {words}; "
                f"use --set batch_size={near}, for example."
            )
        return list(torch.arange(batch).view(parts, self.count, -1)[:, self.rank])
