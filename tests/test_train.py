"""The course's command line: fairseq's options with fairseq's meaning, and trainings that go on."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from course import command_line, generate, preprocess, train, train_options
from course.checkpoint import Checkpoint, CheckpointError
from course.corpus import Corpus, CorpusError, Examples, batches, epoch_batches
from course.dates import drawn
from course.vocabulary import PAD, batch_of

LANGUAGES = ["-s", "src", "-t", "iso"]
SMALL = [*LANGUAGES, "--encoder-ffn-embed-dim", "16", "--encoder-embed-dim", "8", "--lr", "0.01"]
SMALL += ["--dropout", "0.1", "--max-tokens", "300", "--no-progress-bar"]


def spaced(text: str) -> str:
    """Characters as tokens."""
    return " ".join("▁" if char == " " else char for char in text)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of dates."""
    folder = tmp_path_factory.mktemp("text")
    for split, count in (("train", 120), ("valid", 10), ("test", 10)):
        pairs = drawn(count, random.Random(split), "train")
        sides = {
            "src": [spaced(pair.source) for pair in pairs],
            "iso": [spaced(pair.target) for pair in pairs],
            "align": [
                " ".join(f"{s}-{t}" for t, s in pair.alignment.nonzero().tolist()) for pair in pairs
            ],
        }
        for suffix, lines in sides.items():
            (folder / f"{split}.{suffix}").write_text("".join(f"{line}\n" for line in lines))
    prefixes = [f"--{split}pref={folder / split}" for split in ("train", "valid", "test")]
    options = [*LANGUAGES, *prefixes, "--align-suffix", "align", "--destdir", str(folder / "data")]
    preprocess.main(preprocess.parser().parse_args(options))
    return folder / "data"


def parsed(data: Path, *options: str) -> Any:
    return train_options.parser().parse_args([str(data), *SMALL, *options])


# Data --------------------------------------------------------------------------------------------


def test_the_folder_is_read_as_it_was_written(data: Path) -> None:
    corpus = Corpus(data, "src", "iso")
    target = corpus.dictionary("iso")
    assert set(target.symbols[4:]) == set("0123456789-")
    pairs = drawn(120, random.Random("train"), "train")
    assert ["".join(tokens) for _, tokens in corpus.sentences("train")] == [p.target for p in pairs]
    source = corpus.dictionary("src")
    examples = Examples.read(corpus, "train", source, target, aligned=True)
    assert examples.alignments is not None
    assert torch.equal(examples.alignments[7], pairs[7].alignment)


def test_batches_hold_each_pair_once_within_the_limits(data: Path) -> None:
    corpus = Corpus(data, "src", "iso")
    vocabularies = corpus.dictionary("src"), corpus.dictionary("iso")
    examples = Examples.read(corpus, "train", *vocabularies, aligned=False)
    found = batches(examples, max_tokens=300, max_sentences=9)
    assert sorted(index for batch in found for index in batch) == list(range(120))
    assert max(len(batch) for batch in found) == 9
    assert max(max(map(examples.tokens, batch)) * len(batch) for batch in found) <= 300
    shuffled = epoch_batches(found, seed=1, epoch=1)
    assert shuffled == epoch_batches(found, seed=1, epoch=1) != epoch_batches(found, 1, 2)
    assert sorted(shuffled) == sorted(found)
    with pytest.raises(CorpusError, match="more than --max-tokens 12"):
        batches(examples, max_tokens=12, max_sentences=None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("dict.src.txt", None, "is missing"),
        ("dict.src.txt", "", "is no dictionary"),
        ("train.src-iso.iso", "1 9\n", "has 120 lines and train.src-iso.iso has 1"),
        ("train.src-iso.align", "0-0\n", "120 sentence pairs and 1 alignments"),
        ("train.src-iso.align", "zero\n", "expected pairs like 0-0 1-2"),
        ("train.src-iso.align", "0-99\n" * 120, "names 0-99 in a pair"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_sentence(
    data: Path, tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    for path in data.iterdir():
        if path.name != name:
            (tmp_path / path.name).symlink_to(path)
    if content is not None:
        (tmp_path / name).write_text(content)
    folder = str(tmp_path / "s")
    options = ("--criterion", train_options.ALIGNED, "--max-update", "1", "--save-dir", folder)
    with pytest.raises(CorpusError, match=words):
        train.main(parsed(tmp_path, *options))


# Options mean what they mean in fairseq ----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        # fairseq's fairseq/optim/lr_scheduler: update u has the rate of step_update(u - 1).
        (["--lr-scheduler", "fixed"], {1: 0.01, 50: 0.01}),
        (
            ["--lr-scheduler", "inverse_sqrt", "--warmup-updates", "10"],
            {1: 0.0, 2: 0.001, 11: 0.01, 41: 0.005},
        ),
        (
            "--lr-scheduler polynomial_decay --warmup-updates 10 --total-num-update 30".split(),
            {1: 0.0, 6: 0.005, 11: 0.01, 21: 0.005, 31: 0.0, 40: 0.0},
        ),
    ],
)
def test_rates(data: Path, options: list[str], rates: dict[int, float]) -> None:
    rate = train_options.schedule(parsed(data, *options))
    for update, expected in rates.items():
        assert rate(update) == pytest.approx(expected), update


def test_label_smoothing_has_fairseqs_denominator(data: Path) -> None:
    options = ("--criterion", "label_smoothed_cross_entropy", "--label-smoothing", "0.2")
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 7)
    batch = batch_of([[4]], [[5, 6]])
    loss, nll = train_options.criterion(parsed(data, *options))(lambda src, tgt_in: logits, batch)
    log_p = logits.log_softmax(-1)
    expected = 0.0
    for i, token in enumerate(batch.tgt_out[0].tolist()):
        for k in range(7):  # eps_i = epsilon / (K - 1), as fairseq has it since 0.10
            expected -= float(log_p[0, i, k]) * (0.8 if k == token else 0.2 / 6)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert PAD not in batch.tgt_out
    assert float(nll) == pytest.approx(-sum(float(log_p[0, i, t]) for i, t in enumerate((5, 6, 2))))


def test_update_freq_gathers_batches_and_may_change_by_epoch(data: Path, tmp_path: Path) -> None:
    args = parsed(data, "--update-freq", "2,3", "--max-epoch", "9", "--save-dir", str(tmp_path))
    training = train.Training.begin(args)
    n = len(training.all_batches)
    assert [len(training.groups()[0]), len(training.groups())] == [2, math.ceil(n / 2)]
    training.epoch = 5
    assert [len(training.groups()[0]), len(training.groups())] == [3, math.ceil(n / 3)]


def test_weight_decay_is_taken_off_the_weights(data: Path, tmp_path: Path) -> None:
    # fairseq/optim/adam.py: p.data.add_(p.data, alpha=-weight_decay * lr)
    args = parsed(data, "--weight-decay", "0.5", "--max-update", "1", "--save-dir", str(tmp_path))
    optimizer = train.Training.begin(args).trainer.optimizer
    assert isinstance(optimizer, torch.optim.AdamW)
    weight = optimizer.param_groups[0]["params"][0]
    before = weight.detach().clone()
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before * (1 - 0.5 * 1e-3))


def test_the_architecture_gives_what_no_option_does(data: Path, tmp_path: Path) -> None:
    corpus = Corpus(data, "src", "iso")
    both = corpus.dictionary("src"), corpus.dictionary("iso")
    found = train_options.settings(parsed(data, "--arch", "transformer_iwslt_de_en"), *both)
    assert (found.d_model, found.d_ff, found.n_heads, found.n_layers) == (8, 16, 4, 6)
    assert (found.positions, found.src_vocab) == ("halves", len(both[0]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give --max-epoch or --max-update"),
        (["--max-update", "1", "--decoder-layers", "9"], "has the same in both"),
        (["--max-update", "1", "--lr-scheduler", "polynomial_decay"], "needs --total-num-update"),
        (["--max-update", "1", "--encoder-attention-heads", "3"], "does not divide 8"),
        (["--max-update", "1", "--dropout", "2"], "--dropout is 2 and must be"),
        (["--max-update", "1", "--label-smoothing", "1.5"], "--label-smoothing is 1.5 and must"),
        (["--max-update", "1", "--label-smoothing", "0.1"], "nothing to --criterion cross_entropy"),
        (["--max-update", "1", "--lr", "-1"], "--lr is -1 and must be above 0"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(
    data: Path, options: list[str], words: str
) -> None:
    with pytest.raises(command_line.OptionsError, match=words):
        train.main(parsed(data, *options))


def test_an_unknown_option_is_one_line(data: Path) -> None:
    command = [sys.executable, "-m", "course.train", str(data), *SMALL, "--share-all-embeddings"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unrecognized arguments: --share-all-embeddings" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--leraning-rate 1", "unrecognized arguments: --leraning-rate"),
        ("--max-epohc=2", "unrecognized arguments: --max-epohc: --max-epoch was meant?"),
        ("--adam-betas 0.9", "--adam-betas: '0.9' is not two numbers"),
    ],
)
def test_a_typo_is_named_before_what_is_missing(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "data-bin", *words.split()])
    with pytest.raises(SystemExit) as refused:
        command_line.run(train_options.parser(), train.main)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def test_a_finished_training_says_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        train.main(parsed(data, "--max-update", "2", "--save-dir", str(tmp_path)))
    assert "nothing is left to do" in capsys.readouterr().out


def test_ctrl_c_says_what_the_same_command_does(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    options = ("--save-dir", str(tmp_path), "--max-epoch")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(train, "_show", stop)
        with pytest.raises(KeyboardInterrupt):
            train.main(parsed(data, *options, "9"))
    assert "the same command begins anew" in capsys.readouterr().out
    train.main(parsed(data, *options, "1"))
    monkeypatch.setattr(train, "_show", stop)
    with pytest.raises(KeyboardInterrupt):
        train.main(parsed(data, *options, "9"))
    assert "the same command goes on from" in capsys.readouterr().out


# Trainings that are killed, and go on -----------------------------------------------------------


KILLS = 5


def begin(data: Path, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "course.train", str(data), *SMALL, "--save-dir", str(folder)]
    command += "--save-interval-updates 3 --max-epoch 20 --update-freq 2 --log-interval 1".split()
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def output(process: subprocess.Popen[str]) -> list[str]:
    lines = process.communicate()[0].splitlines()
    assert process.returncode == 0
    return lines


def kill_after(process: subprocess.Popen[str], lines: int, seconds: float) -> None:
    assert process.stdout is not None
    with process, process.stdout:
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(seconds)
        process.kill()


def test_a_killed_training_ends_bit_for_bit_as_an_undisturbed_one(
    data: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    last = output(begin(data, whole))[-1]
    draw = random.Random(5)
    for _ in range(KILLS):
        kill_after(begin(data, killed), draw.randint(2, 14), draw.uniform(0, 0.05))
    resumed = output(begin(data, killed))
    assert resumed[1].startswith("going on after")
    assert resumed[-1] == last
    one, other = (Checkpoint.load(folder / train_options.LAST) for folder in (whole, killed))
    assert one.trainer["losses"] == other.trainer["losses"]
    for name, weight in one.trainer["model"].items():
        assert torch.equal(weight, other.trainer["model"][name]), name
    assert (one.epoch, one.done, one.best) == (other.epoch, other.done, other.best)


def test_other_options_do_not_go_on_from_a_checkpoint(data: Path, tmp_path: Path) -> None:
    options = ("--max-update", "2", "--save-dir", str(tmp_path))
    train.main(parsed(data, *options))
    with pytest.raises(CheckpointError, match="other data or options"):
        train.main(parsed(data, *options, "--seed", "7"))
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        train.main(parsed(data, *options, "--restore-file", "absent.pt"))
    (tmp_path / train_options.LAST).write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"is no checkpoint of course\.train"):
        train.main(parsed(data, *options))


# Generation --------------------------------------------------------------------------------------


def test_a_beam_of_none_is_one_sentence(data: Path) -> None:
    command = [str(data), *LANGUAGES, "--path", "absent.pt", "--beam", "0"]
    with pytest.raises(command_line.OptionsError, match="--beam is 0"):
        generate.main(generate.parser().parse_args(command))


def test_generation_prints_fairseqs_lines(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.main(parsed(data, "--max-update", "2", "--save-dir", str(tmp_path)))
    capsys.readouterr()
    options = [str(data), *LANGUAGES, "--path", str(tmp_path / train.BEST), "--beam", "3"]
    options += ["--nbest", "2", "--max-len-b", "12"]
    generate.main(generate.parser().parse_args(options))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("\t")[0] for line in lines[:5]] == ["S-0", "T-0", "H-0", "H-0", "S-1"]
    assert len(lines) == 4 * 10 + 1
    scores = [float(line.split("\t")[1]) for line in lines[2:4]]
    assert scores == sorted(scores, reverse=True)
    checkpoint = Checkpoint.load(tmp_path / train.BEST)
    source, target = checkpoint.vocabularies()
    tokens = lines[2].split("\t")[2].split()
    batch = batch_of([source.encode(lines[0].split("\t")[1].split())], [target.encode(tokens)])
    log_p = checkpoint.model()(batch.src, batch.tgt_in).detach().log_softmax(-1)
    total = log_p.gather(-1, batch.tgt_out[:, :, None]).sum()
    assert scores[0] == pytest.approx(float(total) / math.log(2) / batch.n_targets, rel=1e-4)
    assert lines[-1].startswith("Generate test with beam=3: exact match = ")
