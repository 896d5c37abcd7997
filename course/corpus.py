"""A folder of parallel text, as fairseq's raw data: read, numbered and cut into batches.

`train.SRC-TGT.SRC` and `train.SRC-TGT.TGT` hold a sentence a line, tokens parted by spaces, and so
do `valid…` and `test…`; `train.SRC-TGT.align` may hold alignments ("0-0 1-2": source-target,
counted from 0). `dict.SRC.txt` and `dict.TGT.txt` list the symbols ("token count" a line).
`python -m course.preprocess` makes all of it from plain files.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from autograder.errors import MendableError
from course.vocabulary import Batch, Vocabulary, batch_of


class CorpusError(MendableError):
    """A data folder is not as it should be: says which file, what is wrong, and what to do."""


@dataclass(frozen=True)
class Corpus:
    """A data folder, its two languages, and their dictionaries."""

    folder: Path
    source: str
    target: str

    def dictionary(self, language: str) -> Vocabulary:
        """The symbols of a language, in the file's order.

        Raises:
            CorpusError: there is no such file, or it holds something else.
        """
        path = self.folder / f"dict.{language}.txt"
        symbols = [line.rpartition(" ")[0] for line in _lines(path)]
        if not symbols or not all(symbols):
            raise CorpusError(f"{path} is no dictionary: expected a token and its count a line")
        return Vocabulary(symbols)

    def sentences(self, split: str) -> list[tuple[list[str], list[str]]]:
        """The sentence pairs of "train", "valid" or "test", as tokens.

        Raises:
            CorpusError: a file is missing, or the two have different numbers of lines.
        """
        sides = [_lines(self._path(split, language)) for language in (self.source, self.target)]
        if len(sides[0]) != len(sides[1]):
            raise CorpusError(
                f"{self._path(split, self.source)} has {len(sides[0])} lines and "
                f"{self._path(split, self.target).name} has {len(sides[1])}: line i of the one "
                "must be the translation of line i of the other"
            )
        return [(source.split(), target.split()) for source, target in zip(*sides, strict=True)]

    def alignments(self, split: str) -> list[list[tuple[int, int]]]:
        """Of each sentence pair the aligned (source, target) tokens.

        Raises:
            CorpusError: there is no such file, or a line holds something else.
        """
        path = self._path(split, "align")
        lines = _lines(path)
        for number, line in enumerate(lines, start=1):
            if not re.fullmatch(r"(\d+-\d+( |$))*", line):
                raise CorpusError(
                    f"{path}, line {number}: expected pairs like 0-0 1-2, not {line!r}"
                )
        return [
            [(int(s), int(t)) for s, t in (pair.split("-") for pair in line.split())]
            for line in lines
        ]

    def _path(self, split: str, suffix: str) -> Path:
        return self.folder / f"{split}.{self.source}-{self.target}.{suffix}"


@dataclass(frozen=True)
class Examples:
    """Sentence pairs as ids, without begin and end, and their alignments where they are known."""

    sources: Sequence[Sequence[int]]
    targets: Sequence[Sequence[int]]
    alignments: Sequence[Bool[Tensor, "n_t n_s"]] | None = None

    @classmethod
    def read(
        cls, corpus: Corpus, split: str, source: Vocabulary, target: Vocabulary, *, aligned: bool
    ) -> "Examples":
        """The sentence pairs of a split; raises what `Corpus` raises."""
        pairs = corpus.sentences(split)
        sources = [source.encode(tokens) for tokens, _ in pairs]
        targets = [target.encode(tokens) for _, tokens in pairs]
        if not aligned:
            return cls(sources, targets)
        known = corpus.alignments(split)
        if len(known) != len(pairs):
            raise CorpusError(
                f"{split} has {len(pairs)} sentence pairs and {len(known)} alignments"
            )
        sizes = [(len(tgt), len(src)) for src, tgt in pairs]
        return cls(sources, targets, [_as_matrix(*both) for both in zip(known, sizes, strict=True)])

    def __len__(self) -> int:
        return len(self.sources)

    def tokens(self, index: int) -> int:
        """What a pair counts for in `--max-tokens`: the longer side, the end with it."""
        return max(len(self.sources[index]), len(self.targets[index])) + 1

    def batch(self, indices: Sequence[int]) -> Batch:
        """Some of the pairs as tensors."""
        return batch_of(
            [self.sources[i] for i in indices],
            [self.targets[i] for i in indices],
            [self.alignments[i] for i in indices] if self.alignments else None,
        )


def batches(
    examples: Examples, max_tokens: int | None, max_sentences: int | None
) -> list[list[int]]:
    """Indices of pairs of like length, as many a batch as its padded size allows.

    Raises:
        CorpusError: a pair alone is larger than `max_tokens`.
    """
    order = sorted(range(len(examples)), key=examples.tokens)
    found: list[list[int]] = []
    for index in order:
        size = examples.tokens(index)
        if max_tokens and size > max_tokens:
            raise CorpusError(
                f"sentence pair {index + 1} has {size} tokens, more than --max-tokens "
                f"{max_tokens}: raise it, or leave the pair out"
            )
        here = found[-1] if found else []
        fits = not max_tokens or size * (len(here) + 1) <= max_tokens
        if here and fits and len(here) != max_sentences:
            here.append(index)
        else:
            found.append([index])
    return found


def epoch_batches(all_batches: Sequence[list[int]], seed: int, epoch: int) -> list[list[int]]:
    """The batches in the order of an epoch: a function of the seed and the epoch alone."""
    shuffled = list(all_batches)
    random.Random(f"{seed} {epoch}").shuffle(shuffled)
    return shuffled


def _as_matrix(known: Sequence[tuple[int, int]], size: tuple[int, int]) -> Bool[Tensor, "n_t n_s"]:
    matrix = torch.zeros(size, dtype=torch.bool)
    for source, target in known:
        if target >= size[0] or source >= size[1]:
            raise CorpusError(
                f"an alignment names {source}-{target} in a pair of {size[1]} source and {size[0]} "
                "target tokens: they are counted from 0"
            )
        matrix[target, source] = True
    return matrix


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise CorpusError(
            f"{path} is missing: make the folder with `python -m course.preprocess`, or name the "
            "folder, --source-lang and --target-lang that it was made with"
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 text") from error
