"""Label smoothing by its three conventions, and the loss of an attention that should align.

All are sums over the target tokens, as in fairseq, so that parts of a batch add up: whoever trains
divides by the number of tokens, once.
"""

from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor

Denominator = Literal["K", "K-1", "K-2"]


def smoothed_cross_entropy(
    logits: Float[Tensor, "... vocab"],
    targets: Int[Tensor, "..."],
    epsilon: float,
    pad_id: int,
    denominator: Denominator = "K",
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The loss, and −log p of the targets alone, each summed over the targets but padding.

    epsilon of the probability is taken from the target and shared evenly among: all K symbols, the
    target too ("K": torch); the K − 1 others ("K-1": fairseq); the others but padding ("K-2": the
    Annotated Transformer).
    """
    kept = targets != pad_id
    log_p = logits[kept].log_softmax(dim=-1)  # (tokens, K)
    nll = -log_p.gather(-1, targets[kept][:, None])[:, 0]
    whole, n = -log_p.sum(dim=-1), log_p.shape[-1]
    mean = {
        "K": whole / n,
        "K-1": (whole - nll) / (n - 1),
        "K-2": (whole - nll + log_p[:, pad_id]) / (n - 2),
    }[denominator]
    return ((1 - epsilon) * nll + epsilon * mean).sum(), nll.sum()


def alignment_nll(
    weights: Float[Tensor, "b n_t n_s"], alignment: Bool[Tensor, "b n_t n_s"]
) -> Float[Tensor, ""]:
    """−log of the weights where they should be, meant over each target's sources, then summed.

    As in fairseq's label_smoothed_cross_entropy_with_alignment. 0 where nothing is aligned.
    """
    of_target = alignment.sum(dim=-1, keepdim=True).expand_as(alignment)
    return -(weights[alignment].log() / of_target[alignment]).sum()
