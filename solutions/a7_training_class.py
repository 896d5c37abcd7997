"""The sample class of assignment 7: who handed in what, and what each must get.

A training takes some 40 s of CPU. The two stories of whole notebooks need one, with the course's
answers and with others; in all other stories the training cell finds no model, or no schedule.
"""

from autograder.sample import Desk, Grade, Submission

PROBLEMS = (
    "noam_rate",
    "inverse_sqrt_rate",
    "linear_decay_rate",
    "label_smoothed_cross_entropy",
    "alignment_loss",
    "greedy_decode",
    "beam_search",
    "Seq2Seq",
    "translate",
)

SYNTAX_ERROR = """
def noam_rate(step, d_model, warmup):
    if step < 1
        raise ValueError
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
"""

PRINTS = """
def inverse_sqrt_rate(step, peak, warmup):
    print(peak * min(step / warmup, (warmup / max(step, 1)) ** 0.5))
"""

TYPO = """
def linear_decay(step, peak, warmup, total):
    return peak * max(0.0, min(step / warmup, (total - step) / (total - warmup)))
"""

OF_TORCH = """
import torch.nn.functional as F

def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    flat, wanted = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    nll = F.cross_entropy(flat, wanted, ignore_index=pad_id)
    return F.cross_entropy(flat, wanted, ignore_index=pad_id, label_smoothing=epsilon), nll
"""

OF_THE_COURSE = """
from course.losses import smoothed_cross_entropy

def label_smoothed_cross_entropy(logits, targets, epsilon, pad_id):
    n = (targets != pad_id).sum()
    loss, nll = smoothed_cross_entropy(logits, targets, epsilon, pad_id)
    return loss / n, nll / n
"""

IN_NUMPY = """
import numpy as np

def alignment_loss(attention, alignment):
    weights, known = attention.detach().numpy(), alignment.numpy()
    rows = [-np.log(w[k]).mean() for w, k in zip(weights.reshape(-1, weights.shape[-1]),
                                                known.reshape(-1, known.shape[-1])) if k.any()]
    return torch.tensor(np.mean(rows) if rows else 0.0)
"""

ENDLESS = """
def greedy_decode(next_logits, bos_id, eos_id, max_len):
    def rest(ids):
        token = int(next_logits(torch.tensor(ids)).argmax())
        return [token, *rest([*ids, token])]

    return rest([bos_id])[:max_len]
"""

EXITS = """
def beam_search(next_logits, bos_id, eos_id, max_len, beam):
    raise SystemExit("too hard")
"""

WHOLE_TRANSFORMER = """
class Seq2Seq(torch.nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model, n_heads, d_ff, n_layers, pad_id):
        super().__init__()
        self.pad_id = pad_id
        self.src, self.tgt = (torch.nn.Embedding(v, d_model) for v in (src_vocab, tgt_vocab))
        self.places = torch.nn.Embedding(64, d_model)
        self.whole = torch.nn.Transformer(
            d_model, n_heads, n_layers, n_layers, d_ff, dropout=0.0, batch_first=True
        )
        self.output = torch.nn.Linear(d_model, tgt_vocab)

    def forward(self, src, tgt_in):
        n, hidden = tgt_in.shape[1], src == self.pad_id
        x = self.whole(
            self.src(src) + self.places.weight[: src.shape[1]],
            self.tgt(tgt_in) + self.places.weight[:n],
            tgt_mask=torch.ones(n, n, dtype=torch.bool).triu(1),
            src_key_padding_mask=hidden,
            memory_key_padding_mask=hidden,
        )
        return self.output(x)
"""

PARSER = """
import re
from datetime import date

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()

def translate(texts):
    found = []
    for text in texts:
        numbers = [int(n) for n in re.findall(r"[0-9]+", text)]
        month = next((i + 1 for i, m in enumerate(MONTHS) if m in text.lower()), 1)
        found.append(date(max(numbers), month, min(numbers)).isoformat())
    return found
"""

PARSER_BY_HAND = """
MONTHS = {m: i + 1 for i, m in enumerate(
    "jan feb mar apr may jun jul aug sep oct nov dec".split())}

def translate(texts):
    found = []
    for text in texts:
        words = "".join(c if c.isalnum() else " " for c in text).lower().split()
        year = next((w for w in words if len(w) == 4 and w.isdigit()), "1950")
        month = next((MONTHS[w[:3]] for w in words if w[:3] in MONTHS), 1)
        day = next((int(w) for w in words if w.isdigit() and len(w) < 3), 1)
        found.append(f"{year}-{month:02}-{day:02}")
    return found
"""

NO_CLASS = "Seq2Seq = 1"


def untrained(desk: Desk, **answers: str) -> object:
    """A notebook that trains nothing: `translate` is as released, and so is the model."""
    rest = {"Seq2Seq": desk.stub("Seq2Seq"), "translate": desk.stub("translate")}
    return desk.notebook(**{**rest, **answers})


UNTRAINED = {"Seq2Seq": Grade(0, "missing"), "translate": Grade(0, "missing")}


def unscheduled(desk: Desk, **answers: str) -> object:
    """A notebook whose training stops at once: there is no schedule yet, and no `translate`."""
    rest = {name: desk.stub(name) for name in UNSCHEDULED}
    return desk.notebook(**{**rest, **answers})


UNSCHEDULED = {"linear_decay_rate": Grade(0, "missing"), "translate": Grade(0, "missing")}


def mistaken(desk: Desk, **names: str) -> object:
    """The same, with known mistakes in other problems."""
    return untrained(desk, **{name: desk.mistaken(name, known) for name, known in names.items()})


SUBMISSIONS = (
    Submission("ada", "the course's own solutions", lambda d: d.notebook(), {}),
    Submission(
        "boole",
        "loops and other words, and a training with them",
        lambda d: d.with_variants(
            noam_rate="two_branches",
            inverse_sqrt_rate="fairseq",
            linear_decay_rate="polynomial",
            label_smoothed_cross_entropy="distribution",
            alignment_loss="one_token_at_a_time",
            greedy_decode="recursive",
            beam_search="topk",
            translate="in_portions",
        ),
        {},
    ),
    Submission(
        "chandra",
        "everything but the model",
        lambda d: untrained(d),
        UNTRAINED,
    ),
    Submission(
        "dijkstra",
        "schedules that are almost right",
        lambda d: mistaken(
            d,
            noam_rate="larger_of_the_two",
            inverse_sqrt_rate="root_of_warmup_forgotten",
            linear_decay_rate="negative_after_the_end",
        ),
        UNTRAINED
        | {
            "noam_rate": Grade(0, "wrong", "larger_of_the_two"),
            "inverse_sqrt_rate": Grade(1, "wrong", "root_of_warmup_forgotten"),
            "linear_decay_rate": Grade(2, "wrong", "negative_after_the_end"),
        },
    ),
    Submission(
        "emmy",
        "fairseq's conventions",
        lambda d: mistaken(
            d,
            label_smoothed_cross_entropy="shared_by_the_others",
            alignment_loss="sum_over_the_tokens",
        ),
        UNTRAINED
        | {
            "label_smoothed_cross_entropy": Grade(0, "wrong", "shared_by_the_others"),
            "alignment_loss": Grade(1, "wrong", "sum_over_the_tokens"),
        },
    ),
    Submission(
        "fatima",
        "NaN wherever there is nothing",
        lambda d: mistaken(
            d,
            label_smoothed_cross_entropy="log_of_softmax",
            alignment_loss="nan_when_nothing_is_aligned",
        ),
        UNTRAINED
        | {
            "label_smoothed_cross_entropy": Grade(4, "wrong", "log_of_softmax"),
            "alignment_loss": Grade(4, "wrong", "nan_when_nothing_is_aligned"),
        },
    ),
    Submission(
        "grace",
        "handed in as released",
        lambda d: d.release.notebook,
        {name: Grade(0, "missing") for name in PROBLEMS},
    ),
    Submission(
        "hedy",
        "decoders that keep a mark, and stop too early",
        lambda d: mistaken(d, greedy_decode="keeps_the_end", beam_search="first_end_wins"),
        UNTRAINED
        | {
            "greedy_decode": Grade(0, "wrong", "keeps_the_end"),
            "beam_search": Grade(0, "wrong", "first_end_wins"),
        },
    ),
    Submission(
        "ivan",
        "a syntax error, a print for a return, and SystemExit",
        lambda d: untrained(d, noam_rate=SYNTAX_ERROR, inverse_sqrt_rate=PRINTS, beam_search=EXITS),
        UNTRAINED
        | {
            "noam_rate": Grade(0, "error"),
            "inverse_sqrt_rate": Grade(0, "wrong"),
            "beam_search": Grade(0, "error"),
        },
    ),
    Submission(
        "jan",
        "a typo in a name",
        lambda d: untrained(d, linear_decay_rate=TYPO),
        UNTRAINED | {"linear_decay_rate": Grade(0, "missing")},
    ),
    Submission(
        "kurt",
        "a recursion that never ends",
        lambda d: untrained(d, greedy_decode=ENDLESS),
        UNTRAINED | {"greedy_decode": Grade(0, "error", "no_end_at_all")},
    ),
    Submission(
        "lise",
        "numpy where gradients are asked for",
        lambda d: untrained(d, alignment_loss=IN_NUMPY),
        UNTRAINED | {"alignment_loss": Grade(0, "wrong", "detached")},
    ),
    Submission(
        "maria",
        "torch's cross-entropy",
        lambda d: untrained(d, label_smoothed_cross_entropy=OF_TORCH),
        UNTRAINED | {"label_smoothed_cross_entropy": Grade(0, "refused")},
    ),
    Submission(
        "noor",
        "the course's own loss",
        lambda d: untrained(d, label_smoothed_cross_entropy=OF_THE_COURSE),
        UNTRAINED | {"label_smoothed_cross_entropy": Grade(0, "refused")},
    ),
    Submission(
        "otto",
        "a decoder that sees the future, and no schedule yet",
        lambda d: unscheduled(d, Seq2Seq=d.mistaken("Seq2Seq", "sees_the_future")),
        UNSCHEDULED | {"Seq2Seq": Grade(3, "wrong", "sees_the_future")},
    ),
    Submission(
        "petra",
        "nn.Transformer in one piece, and no schedule yet",
        lambda d: unscheduled(d, Seq2Seq=WHOLE_TRANSFORMER),
        UNSCHEDULED | {"Seq2Seq": Grade(0, "error")},
    ),
    Submission(
        "quentin",
        "no model, but a parser of dates",
        lambda d: untrained(d, translate=PARSER),
        UNTRAINED | {"translate": Grade(0, "refused")},
    ),
    Submission(
        "rosa",
        "no model, but a parser written by hand",
        lambda d: untrained(d, translate=PARSER_BY_HAND),
        UNTRAINED | {"translate": Grade(0, "error")},
    ),
    Submission(
        "sami",
        "Seq2Seq is a number, and translate asks a model that is not there",
        lambda d: d.notebook(Seq2Seq=NO_CLASS),
        {"Seq2Seq": Grade(0, "error"), "translate": Grade(0, "error")},
    ),
    Submission(
        "tove",
        "an encoder that looks at padding, and no schedule yet",
        lambda d: unscheduled(d, Seq2Seq=d.mistaken("Seq2Seq", "sees_padding")),
        UNSCHEDULED | {"Seq2Seq": Grade(6, "wrong", "sees_padding")},
    ),
    Submission("ulla", "an empty file", lambda d: b"", {n: Grade(0, "refused") for n in PROBLEMS}),
    Submission("viktor", "no file", lambda d: None, {n: Grade(0, "missing") for n in PROBLEMS}),
)
