"""`python -m course.generate DATA`: translate with a trained model, as fairseq-generate does.

Prints, of each sentence, fairseq's lines: S- the source, T- the target, H- each of the best
translations with its score (log2 p / tokens^lenpen); not its P- lines. In place of BLEU, the last
line tells the share of sentences that are right to the last token.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import torch

from course.checkpoint import Checkpoint
from course.command_line import OptionsError, Parser, run
from course.corpus import Corpus, Examples, batches
from course.decoding import Hypothesis, beam_search
from course.vocabulary import BOS, EOS, Vocabulary


def parser() -> Parser:
    """The options."""
    options = Parser(prog="python -m course.generate", description=(__doc__ or "").split("\n")[0])
    options.add_argument("data", type=Path, help="the folder that course.preprocess has made")
    options.add_argument("-s", "--source-lang", required=True, metavar="SRC")
    options.add_argument("-t", "--target-lang", required=True, metavar="TGT")
    options.add_argument("--path", type=Path, required=True, metavar="FILE", help="a checkpoint")
    options.add_argument("--gen-subset", default="test", metavar="SPLIT")
    options.add_argument("--beam", type=int, default=5, metavar="N")
    options.add_argument("--nbest", type=int, default=1, metavar="N")
    options.add_argument("--lenpen", type=float, default=1.0, help="above 1 favours long sentences")
    options.add_argument("--max-len-a", type=float, default=0.0, metavar="A")
    options.add_argument("--max-len-b", type=int, default=200, metavar="B", help="A · source + B")
    options.add_argument("--max-tokens", type=int, metavar="N")
    options.add_argument("--batch-size", "--max-sentences", type=int, default=64, metavar="N")
    options.add_argument("--quiet", action="store_true", help="the last line alone")
    return options


def main(args: argparse.Namespace) -> None:
    """Translate a split, in the order of its lines."""
    if not 1 <= args.nbest <= args.beam:
        raise OptionsError(
            f"--beam is {args.beam} and --nbest {args.nbest}: both are at least 1, and no more "
            "than --beam texts are found"
        )
    checkpoint = Checkpoint.load(args.path)
    source, target = checkpoint.vocabularies()
    corpus = Corpus(args.data, args.source_lang, args.target_lang)
    pairs = corpus.sentences(args.gen_subset)
    examples = Examples.read(corpus, args.gen_subset, source, target, aligned=False)
    found = dict(translated(checkpoint, examples, args))
    right = 0
    for index, (tokens, expected) in enumerate(pairs):
        best = found[index]
        right += target.decode(best[0].ids) == expected
        if not args.quiet:
            print("\n".join(lines(index, tokens, expected, best[: args.nbest], target)))
    share = right / max(len(pairs), 1)
    print(f"Generate {args.gen_subset} with beam={args.beam}: exact match = {share:.4f}")


def translated(
    checkpoint: Checkpoint, examples: Examples, args: argparse.Namespace
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """The index of each sentence and its hypotheses, the best first."""
    model = checkpoint.model()
    for batch in batches(examples, args.max_tokens, args.batch_size):
        src = examples.batch(batch).src
        longest = int(args.max_len_a * src.shape[1] + args.max_len_b)
        found = beam_search(model, src, BOS, EOS, longest, args.beam, args.lenpen)
        yield from zip(batch, found, strict=True)


def lines(
    index: int, source: list[str], target: list[str], best: list[Hypothesis], words: Vocabulary
) -> list[str]:
    """What is printed of a sentence; scores in bits."""
    told = [f"S-{index}\t{' '.join(source)}", f"T-{index}\t{' '.join(target)}"]
    for hypothesis in best:
        score = hypothesis.score / math.log(2)
        told.append(f"H-{index}\t{score:.6g}\t{' '.join(words.decode(hypothesis.ids))}")
    return told


if __name__ == "__main__":
    with torch.inference_mode():
        run(parser(), main)
