"""The same training by Hugging Face's Trainer, and what its model of equal size reads, over seeds.

Its loop, its optimiser, its schedule, its label smoothing and its MarianMT, from our weights and on
our batches; then the weights are carried back.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import MarianMTModel, PrinterCallback, TrainingArguments
from transformers import Trainer as TheirTrainer

from course import date_task
from course.convert import from_marian, to_marian
from course.transformer import Transformer
from course.vocabulary import PAD, Batch

IGNORED = -100
"""What stands for padding in their labels, and in no vocabulary."""

SEEDS = (0, 1, 2)
STEPS, WARMUP, TESTED = 800, 160, 1_000

ARGUMENTS: dict[str, Any] = {
    "max_steps": STEPS,
    "learning_rate": date_task.PEAK,
    "lr_scheduler_type": "linear",
    "warmup_steps": WARMUP,
    "optim": "adamw_torch",
    "weight_decay": 0.0,
    "adam_beta1": date_task.BETAS[0],
    "adam_beta2": date_task.BETAS[1],
    "adam_epsilon": 1e-9,
    "label_smoothing_factor": date_task.EPSILON,
    "max_grad_norm": 0.0,
}
"""The training of `date_task`, about half as long, in the names of their TrainingArguments."""

SETTINGS: dict[str, Any] = {
    "task": "dates in five locales and three lengths to ISO 8601, days never trained on",
    "tested dates": TESTED,
    "model": vars(date_task.settings()),
    "batch": date_task.BATCH,
    "arguments": ARGUMENTS,
}

_QUIET: dict[str, Any] = {
    "use_cpu": True,
    "report_to": "none",
    "disable_tqdm": True,
    "save_strategy": "no",
    "logging_steps": 1,
    "dataloader_pin_memory": False,
}

_AS_IT_COMES: dict[str, Any] = {
    "per_device_train_batch_size": 1,  # an example of theirs is a whole batch of ours
    "train_sampling_strategy": "sequential",
    "remove_unused_columns": False,
}


def rows() -> list[dict[str, Any]]:
    """Each seed; told one by one."""
    made = []
    for seed in SEEDS:
        made.append(row(seed))
        print("  seed {seed}: {exact} exact, {cpu_seconds} s".format(**made[-1]), flush=True)
    return made


def row(seed: int) -> dict[str, Any]:
    """Train there, carry back; exact match on days never trained on, and CPU seconds."""
    start = time.process_time()
    marian, _ = learn_dates(seed)
    seconds = round(time.process_time() - start)
    model, pairs = from_marian(marian), date_task.unseen(TESTED)
    by_names = Transformer(replace(model.settings, positions="interleaved"))
    by_names.load_state_dict(model.state_dict())
    return {
        "seed": seed,
        "exact": date_task.exact(model, pairs),
        "exact_by_names": date_task.exact(by_names, pairs),  # positions not as in Marian
        "cpu_seconds": seconds,
    }


def learn_dates(seed: int) -> tuple[MarianMTModel, list[float]]:
    """A MarianMT model that has learnt dates, beginning with the weights of ours; its losses."""
    torch.manual_seed(seed)
    marian = to_marian(Transformer(date_task.settings()))
    losses = learn(marian, lambda step: date_task.training_batch(seed, step), ARGUMENTS)
    return marian, losses


def learn(
    marian: MarianMTModel,
    batch_of_step: Callable[[int], Batch],
    arguments: dict[str, Any],
    ignored: int = IGNORED,
) -> list[float]:
    """Train a model by their Trainer, quietly; the loss of each update.

    batch_of_step: of each step, or each micro-batch where they accumulate, counted from 0;
    arguments: of their TrainingArguments; ignored: what stands for padding in the labels.
    """

    def collated(steps: list[int]) -> dict[str, torch.Tensor]:
        return as_theirs(batch_of_step(steps[0]), ignored)

    with tempfile.TemporaryDirectory() as folder:
        options = {**_QUIET, **_AS_IT_COMES, "output_dir": folder, **arguments}
        n_batches = options["max_steps"] * options.get("gradient_accumulation_steps", 1)
        trainer = TheirTrainer(
            model=marian,
            args=TrainingArguments(**options),
            train_dataset=_Steps(n_batches),
            data_collator=collated,
        )
        trainer.remove_callback(PrinterCallback)  # or it prints a line an update
        trainer.train()
    marian.train(False)
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def as_theirs(batch: Batch, ignored: int = IGNORED) -> dict[str, torch.Tensor]:
    """A batch under their names.

    The decoder's input must be there too: to smooth labels, their Trainer keeps the labels to
    itself, and the model cannot shift them.
    """
    return {
        "input_ids": batch.src,
        "attention_mask": (batch.src != PAD).long(),  # 1: may be attended
        "decoder_input_ids": batch.tgt_in,
        "labels": batch.tgt_out.masked_fill(batch.tgt_out == PAD, ignored),
    }


class _Steps(Dataset[int]):
    """The numbers of the steps: batches are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, step: int) -> int:
        return step
