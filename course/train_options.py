"""The options of `course.train`, fairseq-train's by name, and the parts of a training they name."""

import argparse
from pathlib import Path
from typing import Any

import torch

from course.command_line import OptionsError, Parser, pair, several
from course.schedules import Schedule, inverse_sqrt, linear_decay
from course.training import Criterion, Trainer, label_smoothed, label_smoothed_with_alignment
from course.transformer import Settings, Transformer
from course.vocabulary import PAD, Vocabulary

ARCHITECTURES = {
    "transformer": (512, 2048, 8, 6),
    "transformer_iwslt_de_en": (512, 1024, 4, 6),
    "transformer_tiny": (64, 64, 2, 2),
}
"""fairseq's names → d_model, d_ff, n_heads, n_layers."""

ALIGNED = "label_smoothed_cross_entropy_with_alignment"

LAST = "checkpoint_last.pt"
"""The checkpoint that a training goes on from, if it is there."""


def parser() -> Parser:
    """The options, in fairseq's groups."""
    does = "Train a Transformer, with the option names of fairseq-train."
    options = Parser(prog="python -m course.train", description=does)
    options.add_argument("data", type=Path, help="the folder that course.preprocess has made")
    options.add_argument("-s", "--source-lang", required=True, metavar="SRC")
    options.add_argument("-t", "--target-lang", required=True, metavar="TGT")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-progress-bar", action="store_true", help="print lines instead")
    options.add_argument("--log-interval", type=int, default=100, metavar="UPDATES")
    _add_model(options.add_argument_group("model"))
    _add_criterion(options.add_argument_group("criterion"))
    _add_optimizer(options.add_argument_group("optimizer"))
    _add_batches(options.add_argument_group("batches and length of the training"))
    _add_checkpoints(options.add_argument_group("checkpoints"))
    return options


def _add_model(group: Any) -> None:
    group.add_argument("--arch", choices=ARCHITECTURES, default="transformer_tiny")
    for name in ("embed-dim", "ffn-embed-dim", "attention-heads", "layers"):
        for side in ("encoder", "decoder"):
            group.add_argument(f"--{side}-{name}", type=int, metavar="N")
    group.add_argument("--encoder-normalize-before", action="store_true", help="pre-norm")
    group.add_argument("--decoder-normalize-before", action="store_true", help="the same")
    group.add_argument("--dropout", type=float, default=0.1, metavar="P")


def _add_criterion(group: Any) -> None:
    names = ("cross_entropy", "label_smoothed_cross_entropy", ALIGNED)
    group.add_argument("--criterion", choices=names, default="cross_entropy")
    group.add_argument("--label-smoothing", type=float, default=0.0, metavar="EPSILON")
    group.add_argument("--alignment-lambda", type=float, default=0.05, metavar="WEIGHT")
    group.add_argument("--alignment-layer", type=int, default=0, metavar="LAYER")
    group.add_argument("--alignment-heads", type=int, default=1, metavar="N")


def _add_optimizer(group: Any) -> None:
    group.add_argument("--optimizer", choices=("adam", "sgd"), default="adam")
    group.add_argument("--adam-betas", type=pair, default=(0.9, 0.999), metavar="'(B1, B2)'")
    group.add_argument("--adam-eps", type=float, default=1e-8)
    group.add_argument("--momentum", type=float, default=0.0, help="of sgd")
    group.add_argument("--weight-decay", type=float, default=0.0)
    group.add_argument("--clip-norm", type=float, default=0.0, help="0: gradients stay as they are")
    group.add_argument("--lr", type=float, required=True, help="the highest rate")
    schedules = ("fixed", "inverse_sqrt", "polynomial_decay")
    group.add_argument("--lr-scheduler", choices=schedules, default="fixed")
    group.add_argument("--warmup-updates", type=int, default=4000, metavar="N")
    group.add_argument("--total-num-update", type=int, metavar="N", help="of polynomial_decay")


def _add_batches(group: Any) -> None:
    group.add_argument("--max-tokens", type=int, metavar="N", help="padded tokens a batch")
    group.add_argument("--batch-size", "--max-sentences", type=int, metavar="N")
    group.add_argument(
        "--update-freq", type=several, default=[1], metavar="N[,N…]", help="batches an update"
    )
    group.add_argument("--max-epoch", type=int, default=0, help="0: no limit")
    group.add_argument("--max-update", type=int, default=0, help="0: no limit")


def _add_checkpoints(group: Any) -> None:
    group.add_argument("--save-dir", type=Path, default=Path("checkpoints"))
    group.add_argument("--save-interval-updates", type=int, default=0, metavar="N")
    group.add_argument(
        "--restore-file", default=LAST, help=f"to go on from, if it is there ({LAST})"
    )


def check(args: argparse.Namespace) -> None:
    """Refuse what does not fit together, before anything is read."""
    for name in ("embed_dim", "ffn_embed_dim", "attention_heads", "layers", "normalize_before"):
        ours, theirs = (getattr(args, f"{side}_{name}") for side in ("encoder", "decoder"))
        if theirs not in (None, False, ours):
            flag = name.replace("_", "-")
            raise OptionsError(
                f"--encoder-{flag} is {ours} and --decoder-{flag} is {theirs}: this course's model "
                "has the same in both"
            )
    if args.lr <= 0:
        raise OptionsError(f"--lr is {args.lr:g} and must be above 0")
    for name in ("dropout", "label_smoothing"):
        share = getattr(args, name)
        if not 0 <= share < 1:
            flag = name.replace("_", "-")
            raise OptionsError(f"--{flag} is {share:g} and must be at least 0 and below 1")
    if args.label_smoothing and args.criterion == "cross_entropy":
        raise OptionsError(
            "--label-smoothing means nothing to --criterion cross_entropy: give --criterion "
            "label_smoothed_cross_entropy, or leave it out"
        )
    if not (args.max_tokens or args.batch_size):
        raise OptionsError("give --max-tokens or --batch-size: how much goes into a batch")
    if not (args.max_epoch or args.max_update):
        raise OptionsError("give --max-epoch or --max-update: when the training ends")
    if args.lr_scheduler == "polynomial_decay" and not args.total_num_update:
        raise OptionsError("--lr-scheduler polynomial_decay needs --total-num-update")
    if args.lr_scheduler != "fixed" and args.warmup_updates < 1:
        raise OptionsError("--warmup-updates must be at least 1")
    if args.lr_scheduler == "polynomial_decay" and args.total_num_update <= args.warmup_updates:
        raise OptionsError(
            f"--total-num-update {args.total_num_update} must be more than --warmup-updates "
            f"{args.warmup_updates}: the rate rises, and then falls to 0"
        )


# From options to the parts of a training ----------------------------------------------------------


def settings(args: argparse.Namespace, source: Vocabulary, target: Vocabulary) -> Settings:
    """The model that the options name."""
    own = (
        args.encoder_embed_dim,
        args.encoder_ffn_embed_dim,
        args.encoder_attention_heads,
        args.encoder_layers,
    )
    default = ARCHITECTURES[args.arch]
    d_model, d_ff, n_heads, n_layers = (a or b for a, b in zip(own, default, strict=True))
    if d_model % n_heads:
        raise OptionsError(f"--encoder-attention-heads {n_heads} does not divide {d_model}")
    return Settings(
        len(source),
        len(target),
        d_model=d_model,
        n_heads=n_heads,
        d_ff=d_ff,
        n_layers=n_layers,
        dropout=args.dropout,
        norm_first=args.encoder_normalize_before,
        positions="halves",
        pad_id=PAD,
    )


def criterion(args: argparse.Namespace) -> Criterion:
    """The loss that the options name; smoothing by fairseq's denominator, K − 1."""
    if args.criterion == "cross_entropy":
        return label_smoothed(0.0)
    if args.criterion == ALIGNED:
        return label_smoothed_with_alignment(
            args.label_smoothing, args.alignment_lambda, args.alignment_layer, args.alignment_heads
        )
    return label_smoothed(args.label_smoothing, "K-1")


def schedule(args: argparse.Namespace) -> Schedule:
    """The rate of each update, from 1; fairseq's first has the rate of step 0."""
    if args.lr_scheduler == "fixed":
        return lambda update: float(args.lr)
    if args.lr_scheduler == "inverse_sqrt":
        rate = inverse_sqrt(args.lr, args.warmup_updates)
    else:
        rate = linear_decay(args.lr, args.warmup_updates, args.total_num_update)
    return lambda update: rate(update - 1)


def trainer(args: argparse.Namespace, model: Transformer) -> Trainer:
    """The training of a model that the options name."""
    parameters, decay = model.parameters(), args.weight_decay
    optimizer: torch.optim.Optimizer
    if args.optimizer == "adam":
        betas, eps = args.adam_betas, args.adam_eps
        # fairseq's adam takes the decay off the weights themselves
        optimizer = torch.optim.AdamW(parameters, betas=betas, eps=eps, weight_decay=decay)
    else:
        optimizer = torch.optim.SGD(
            parameters, lr=args.lr, momentum=args.momentum, weight_decay=decay
        )
    return Trainer(model, criterion(args), optimizer, schedule(args), args.clip_norm)
