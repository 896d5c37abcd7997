"""The published corpus: submissions that attack, break, or are odd, and what each must get.

One module for each family; `tests/test_corpus.py` hands all of them in, here and to stock nbgrader.
Bombs are bounded, should a wall be missing, and whatever is sent goes to this machine only.
"""

from tests.corpus import broken, feedback, files, forging, harming, honest, returning, stealing
from tests.corpus.entry import Entry, Stage

FAMILIES: dict[str, tuple[Entry, ...]] = {
    "forging in process": forging.ENTRIES,
    "forging by the file": files.ENTRIES,
    "stealing": stealing.ENTRIES,
    "harming": harming.ENTRIES,
    "odd returns": returning.ENTRIES,
    "feedback": feedback.ENTRIES,
    "broken notebooks": broken.ENTRIES,
    "honest oddities": honest.ENTRIES,
}

__all__ = ["FAMILIES", "Entry", "Stage"]
