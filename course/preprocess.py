"""`python -m course.preprocess`: plain text → a data folder, with fairseq-preprocess's options.

From PREFIX.SRC and PREFIX.TGT (a sentence a line, tokens parted by spaces) for training, validation
and test, the folder that `course.train` and `course.generate` read. Numbers are looked up when a
model is trained; what fairseq calls `--dataset-impl raw`.
"""

import argparse
import shutil
from collections import Counter
from pathlib import Path

from course.command_line import Parser, run
from course.corpus import CorpusError

SPLITS = ("train", "valid", "test")


def parser() -> Parser:
    """The options."""
    options = Parser(prog="python -m course.preprocess", description=(__doc__ or "").split("\n")[0])
    options.add_argument("-s", "--source-lang", required=True, metavar="SRC")
    options.add_argument("-t", "--target-lang", required=True, metavar="TGT")
    for split in SPLITS:
        options.add_argument(
            f"--{split}pref",
            metavar="PREFIX",
            required=split == "train",
            help=f"PREFIX.SRC and PREFIX.TGT are the {split} set",
        )
    options.add_argument("--align-suffix", metavar="S", help="PREFIX.S holds the alignments")
    for side in ("src", "tgt"):
        options.add_argument(
            f"--threshold{side}",
            type=int,
            default=0,
            metavar="N",
            help="tokens that occur less often become <unk>",
        )
    options.add_argument("--destdir", type=Path, default=Path("data-bin"), metavar="DIR")
    return options


def main(args: argparse.Namespace) -> None:
    """Write the folder."""
    args.destdir.mkdir(parents=True, exist_ok=True)
    languages = {args.source_lang: args.thresholdsrc, args.target_lang: args.thresholdtgt}
    suffixes = [*languages, *([args.align_suffix] if args.align_suffix else [])]
    for split in SPLITS:
        if prefix := getattr(args, f"{split}pref"):
            for suffix in suffixes:
                _copy(Path(f"{prefix}.{suffix}"), split, suffix, args)
    for language, threshold in languages.items():
        count = _write_dictionary(language, threshold, args)
        print(f"[{language}] dictionary: {count} types")


def _copy(path: Path, split: str, suffix: str, args: argparse.Namespace) -> None:
    ending = "align" if suffix == args.align_suffix else suffix
    if not path.is_file():
        raise CorpusError(f"{path} is missing: --{split}pref names what stands before .{suffix}")
    shutil.copyfile(path, args.destdir / f"{split}.{args.source_lang}-{args.target_lang}.{ending}")


def _write_dictionary(language: str, threshold: int, args: argparse.Namespace) -> int:
    """Count the training set's tokens, the most frequent first; how many there are."""
    text = Path(f"{args.trainpref}.{language}").read_text(encoding="utf-8")
    counts = [(t, n) for t, n in Counter(text.split()).most_common() if n >= threshold]
    lines = "".join(f"{token} {count}\n" for token, count in counts)
    (args.destdir / f"dict.{language}.txt").write_text(lines, encoding="utf-8")
    return len(counts)


if __name__ == "__main__":
    run(parser(), main)
