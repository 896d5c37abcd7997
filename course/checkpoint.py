"""A training on disk: all that it takes to go on, or to translate; written whole or not at all."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from autograder.errors import MendableError
from course.transformer import Settings, Transformer
from course.vocabulary import MARKS, Vocabulary


class CheckpointError(MendableError):
    """A checkpoint cannot be used: says which file, what is wrong, and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A training after some updates.

    Attributes:
        settings: of the model.
        source, target: the symbols of the two dictionaries, without the marks.
        trainer: the state of `course.training.Trainer`.
        epoch: the epoch that is being trained, from 1.
        done: updates of that epoch.
        best: the lowest validation loss so far, None before the first.
        fingerprint: of what the next updates depend on; a resumed training must have the same.
    """

    settings: dict[str, Any]
    source: list[str]
    target: list[str]
    trainer: dict[str, Any]
    epoch: int
    done: int
    best: float | None
    fingerprint: str

    def save(self, path: Path) -> None:
        """Write the file; whoever is killed meanwhile leaves the old one as it was."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        torch.save(asdict(self), unfinished)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read the file; nothing in it is run.

        Raises:
            CheckpointError: there is none, or it is none of this course.
        """
        try:
            return cls(**torch.load(path, weights_only=True))
        except FileNotFoundError as error:
            raise CheckpointError(f"there is no checkpoint {path}: train one first") from error
        except Exception as error:  # whatever torch makes of bytes that are none of its own
            raise CheckpointError(
                f"{path} is no checkpoint of course.train ({type(error).__name__}): name another"
            ) from error

    def model(self) -> Transformer:
        """The model, ready to translate."""
        model = Transformer(Settings(**self.settings))
        model.load_state_dict(self.trainer["model"])
        return model.eval()

    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """Those of source and target."""
        return Vocabulary(self.source), Vocabulary(self.target)


def symbols(vocabulary: Vocabulary) -> list[str]:
    """What a checkpoint keeps of a vocabulary."""
    return list(vocabulary.symbols[len(MARKS) :])
