"""`python -m course.train DATA`: train a Transformer, with the option names of fairseq-train.

DATA is a folder as `course.corpus` reads it. Options mean what they mean in fairseq 0.12. What
differs: sources get no end and targets begin with <s> (fairseq: an end, and </s>); encoder and
decoder have the same sizes; positions are sines; embeddings are not shared; a batch may have any
number of sentences (fairseq: a multiple of 8). Losses are printed in bits, as there.
"""

import argparse
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autograder.errors import MendableError
from course.checkpoint import Checkpoint, CheckpointError, symbols
from course.command_line import Parser, pair, run, several
from course.corpus import Corpus, Examples, batches, epoch_batches
from course.schedules import Schedule, inverse_sqrt, linear_decay
from course.training import (
    Criterion,
    Trainer,
    evaluate,
    label_smoothed,
    label_smoothed_with_alignment,
)
from course.transformer import Settings, Transformer
from course.vocabulary import PAD, Vocabulary

ARCHITECTURES = {
    "transformer": (512, 2048, 8, 6),
    "transformer_iwslt_de_en": (512, 1024, 4, 6),
    "transformer_tiny": (64, 64, 2, 2),
}
"""fairseq's names → d_model, d_ff, n_heads, n_layers."""

ALIGNED = "label_smoothed_cross_entropy_with_alignment"
LAST, BEST = "checkpoint_last.pt", "checkpoint_best.pt"


class OptionsError(MendableError):
    """Options do not fit together, or do not fit the data: says which, and what to do."""


# Options -----------------------------------------------------------------------------------------


def parser() -> Parser:
    """The options, in fairseq's groups."""
    options = Parser(prog="python -m course.train", description=(__doc__ or "").split("\n")[0])
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


def _check(args: argparse.Namespace) -> None:
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


# The training ------------------------------------------------------------------------------------


@dataclass
class Training:
    """A training at work: where it stands, and what it needs to go on."""

    args: argparse.Namespace
    source: Vocabulary
    target: Vocabulary
    model: Transformer
    trainer: Trainer
    train: Examples
    valid: Examples
    all_batches: list[list[int]]
    fingerprint: str
    epoch: int = 1
    done: int = 0
    best: float | None = None

    @classmethod
    def begin(cls, args: argparse.Namespace) -> "Training":
        """Read the data and build the model; go on from the last checkpoint, if there is one.

        Raises:
            CorpusError: the data is not as it should be.
            OptionsError: the options do not fit it.
            CheckpointError: the checkpoint does not fit the two.
        """
        corpus = Corpus(args.data, args.source_lang, args.target_lang)
        source, target = (corpus.dictionary(name) for name in (corpus.source, corpus.target))
        aligned = args.criterion == ALIGNED
        train, valid = (
            Examples.read(corpus, split, source, target, aligned=aligned)
            for split in ("train", "valid")
        )
        torch.manual_seed(args.seed)
        model = Transformer(settings(args, source, target))
        training = cls(
            args,
            source,
            target,
            model,
            trainer(args, model),
            train,
            valid,
            batches(train, args.max_tokens, args.batch_size),
            _fingerprint(args, train),
        )
        training._restore()
        return training

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return len(self.trainer.losses)

    def groups(self) -> list[list[list[int]]]:
        """The updates of the present epoch: each some batches of indices."""
        frequencies = self.args.update_freq
        n = frequencies[min(self.epoch, len(frequencies)) - 1]
        ordered = epoch_batches(self.all_batches, self.args.seed, self.epoch)
        return [ordered[i : i + n] for i in range(0, len(ordered), n)]

    def is_over(self) -> bool:
        """Whether a limit is reached."""
        epochs, updates = self.args.max_epoch, self.args.max_update
        return bool(epochs and self.epoch > epochs) or bool(updates and self.updates >= updates)

    def run_epoch(self) -> Iterator[float]:
        """Make the updates that are left of the epoch; the loss of each, per target token."""
        groups = self.groups()
        while self.done < len(groups) and not self.is_over():
            loss = self.trainer.update([self.train.batch(batch) for batch in groups[self.done]])
            self.done += 1
            interval = self.args.save_interval_updates
            if interval and self.updates % interval == 0:
                self.save(LAST)
            yield loss
        if self.done == len(groups):
            self.epoch, self.done = self.epoch + 1, 0

    def validate(self) -> tuple[float, float]:
        """Loss and −log2 p a token on the validation set; the best model so far is kept."""
        size = self.args.max_tokens, self.args.batch_size
        with_batches = (self.valid.batch(batch) for batch in batches(self.valid, *size))
        loss, nll = evaluate(self.model, self.trainer.criterion, with_batches)
        is_best = self.best is None or loss < self.best
        self.best = loss if is_best else self.best
        self.save(LAST)
        if is_best:
            self.save(BEST)
        return loss / math.log(2), nll / math.log(2)

    def save(self, name: str) -> None:
        """Write a checkpoint."""
        Checkpoint(
            asdict(self.model.settings),
            symbols(self.source),
            symbols(self.target),
            self.trainer.state_dict(),
            self.epoch,
            self.done,
            self.best,
            self.fingerprint,
        ).save(self.args.save_dir / name)

    def _restore(self) -> None:
        path = self.args.save_dir / self.args.restore_file
        if self.args.restore_file == LAST and not path.is_file():
            return
        found = Checkpoint.load(path)
        if found.fingerprint != self.fingerprint:
            raise CheckpointError(
                f"{path} is of a training with other data or options: give the same to go on, or "
                "another --save-dir to begin anew"
            )
        self.trainer.load_state_dict(found.trainer)
        self.epoch, self.done, self.best = found.epoch, found.done, found.best


_MAY_CHANGE = {
    "save_dir",
    "restore_file",
    "save_interval_updates",
    "no_progress_bar",
    "log_interval",
    "max_epoch",
    "max_update",
    "data",
}
"""Options that no update depends on: a training may go on with others."""


def _fingerprint(args: argparse.Namespace, train: Examples) -> str:
    options = {name: value for name, value in vars(args).items() if name not in _MAY_CHANGE}
    text = repr((sorted(options.items()), train.sources, train.targets))
    return hashlib.sha256(text.encode()).hexdigest()


def main(args: argparse.Namespace) -> None:
    """Train until a limit is reached."""
    _check(args)
    training = Training.begin(args)
    count = sum(parameter.numel() for parameter in training.model.parameters())
    print(f"{args.arch}: {count:,} parameters; {len(training.train):,} sentence pairs", flush=True)
    if training.updates:
        print(f"going on after {training.updates} updates, in epoch {training.epoch}", flush=True)
    if training.is_over():
        print("nothing is left to do: a higher --max-epoch or --max-update goes on", flush=True)
    try:
        while not training.is_over():
            epoch = training.epoch
            _show(training, epoch)
            loss, nll = training.validate()
            print(
                f"epoch {epoch:03d} | valid | loss {loss:.3f} | nll_loss {nll:.3f} | "
                f"ppl {2**nll:.2f} | num_updates {training.updates}",
                flush=True,
            )
    except KeyboardInterrupt:
        last = args.save_dir / LAST
        then = f"goes on from {last}" if last.is_file() else "begins anew: no epoch had ended"
        print(f"stopped after {training.updates} updates; the same command {then}", flush=True)
        raise


def _show(training: Training, epoch: int) -> None:
    """Run an epoch behind a progress bar, or with a line now and then."""
    args, losses = training.args, []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=args.no_progress_bar, transient=True) as progress:
        total = len(training.groups())
        task = progress.add_task(f"epoch {epoch:03d}", total=total, completed=training.done)
        for loss in training.run_epoch():
            losses.append(loss / math.log(2))
            progress.update(task, advance=1, description=f"epoch {epoch:03d} loss {losses[-1]:.3f}")
            if args.no_progress_bar and training.updates % args.log_interval == 0:
                print(_line(training, epoch, losses), flush=True)
                losses.clear()


def _line(training: Training, epoch: int, losses: Sequence[float]) -> str:
    rate = training.trainer.schedule(training.updates)
    mean = sum(losses) / len(losses)
    return f"epoch {epoch:03d} | loss {mean:.3f} | lr {rate:.6g} | num_updates {training.updates}"


if __name__ == "__main__":
    run(parser(), main)
