"""The plain loop: loss, gradient, step; and the whole of its state, to go on from bit for bit."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course.losses import Denominator, alignment_nll, smoothed_cross_entropy
from course.maps import recorded_maps
from course.schedules import Schedule
from course.transformer import Transformer
from course.vocabulary import PAD, Batch

Criterion = Callable[[Any, Batch], tuple[Tensor, Tensor]]
"""Model and batch → the loss to be minimised, and −log p of its targets, both summed over them."""


def label_smoothed(epsilon: float, denominator: Denominator = "K") -> Criterion:
    """Cross entropy against targets that give away `epsilon` of their probability."""

    def criterion(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = model(batch.src, batch.tgt_in)
        return smoothed_cross_entropy(logits, batch.tgt_out, epsilon, PAD, denominator)

    return criterion


def label_smoothed_with_alignment(
    epsilon: float,
    weight: float = 0.05,
    layer: int = 0,
    heads: int = 1,
    denominator: Denominator = "K-1",
) -> Criterion:
    """The same, plus `weight` × the alignment loss of the mean of the first `heads` cross maps."""
    plain = label_smoothed(epsilon, denominator)

    def criterion(model: Transformer, batch: Batch) -> tuple[Tensor, Tensor]:
        if batch.alignment is None:
            raise ValueError("The batch has no alignment. Hand alignments to batch_of.")
        with recorded_maps(model) as maps:
            loss, nll = plain(model, batch)
        mean = maps.cross[layer][:, :heads].mean(dim=1)  # (b, n_t, n_s)
        return loss + weight * alignment_nll(mean, batch.alignment), nll

    return criterion


@torch.no_grad()
def evaluate(
    model: nn.Module, criterion: Criterion, batches: Iterable[Batch]
) -> tuple[float, float]:
    """The loss and −log p per target token of all batches, without dropout."""
    model.eval()
    sums, n_targets = torch.zeros(2, dtype=torch.float64), 0
    for batch in batches:
        sums += torch.stack(criterion(model, batch))
        n_targets += batch.n_targets
    loss, nll = (sums / n_targets).tolist()
    return loss, nll


class Trainer:
    """Trains a model one update at a time.

    clip_norm: the gradient is shortened to this length; 0 leaves it as it is.

    Attributes:
        losses: of each update so far, the loss per target token.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Criterion,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        clip_norm: float = 0.0,
    ) -> None:
        self.model, self.criterion = model, criterion
        self.optimizer, self.schedule, self.clip_norm = optimizer, schedule, clip_norm
        self.losses: list[float] = []

    def update(self, batches: Sequence[Batch]) -> float:
        """One step of the optimiser with the gradient of all batches; the loss per target token.

        Several batches give what one that holds them all would give, in less memory.
        """
        self.model.train()
        self.optimizer.zero_grad()
        n_targets = sum(batch.n_targets for batch in batches)
        total = 0.0
        for batch in batches:
            loss = self.criterion(self.model, batch)[0] / n_targets
            loss.backward()
            total += loss.item()
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule(len(self.losses) + 1)
        self.optimizer.step()
        self.losses.append(total)
        return total

    def state_dict(self) -> dict[str, Any]:
        """All that the next updates depend on, but the data: for torch.save."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": list(self.losses),
            "random": torch.get_rng_state(),  # dropout draws from it
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses = list(state["losses"])
        torch.set_rng_state(state["random"])
