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

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from course.checkpoint import Checkpoint, CheckpointError, symbols
from course.command_line import run
from course.corpus import Corpus, Examples, batches, epoch_batches
from course.train_options import ALIGNED, LAST, check, parser, settings, trainer
from course.training import Trainer, evaluate
from course.transformer import Transformer
from course.vocabulary import Vocabulary

BEST = "checkpoint_best.pt"


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
    check(args)
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
