"""How far one answer lies from another: trees compared number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from autograder.data import Array, Other, Tree

TOLERANCE = {"float64": (1e-7, 1e-6), "float32": (2e-5, 1e-4), "float16": (1e-2, 1e-2)}
"""dtype → allowed absolute and relative difference, far above the noise of honest variants."""

FEW = 9
"""So many numbers can be shown side by side in a message."""

Kind = Literal["type", "length", "dtype", "shape", "nan", "gradient", "value", "scalar", "share"]


@dataclass(frozen=True)
class Difference:
    """The first place where an answer departs from what was expected.

    Attributes:
        kind: what differs.
        where: the name of the result or of the argument whose gradient differs.
        expected, found: the two sides in words (a type, a shape, a dtype, a count, few numbers).
        largest: for numbers: the largest absolute difference.
        count: for numbers: how many of how many differ ("3 of 12 numbers").
    """

    kind: Kind
    where: str
    expected: str = ""
    found: str = ""
    largest: float = math.inf
    count: str = ""


def describe(tree: Tree) -> str:
    """A tree in a few words: "a tensor of shape (2, 3)", "an int"."""
    if isinstance(tree, Array):
        if tree.kind == "ndarray" and not tree.shape:
            return f"a number of numpy ({tree.dtype})"
        noun = "a tensor" if tree.kind == "tensor" else "a numpy array"
        return f"{noun} of shape {tree.shape}"
    if tree is None:
        return "None"
    if isinstance(tree, tuple | list):
        return f"a {type(tree).__name__} of {len(tree)}"
    name = tree.type_name if isinstance(tree, Other) else type(tree).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def difference(
    expected: Tree,
    found: Tree,
    names: Sequence[str],
    tolerance: tuple[float, float] | None = None,
    share: float = 1.0,
) -> Difference | None:
    """The first difference between two results, None where they agree within the tolerance.

    `names` are the names of the results ("out", "weights"). A tuple and a list count as the same.
    Below 1, `share` of the items of a list are enough.
    """
    where = names[0] if len(names) == 1 else "the result"
    if isinstance(expected, tuple | list):
        if not isinstance(found, tuple | list):
            return Difference("type", where, describe(expected), describe(found))
        if len(expected) != len(found):
            return Difference("length", where, str(len(expected)), str(len(found)))
        if share < 1:
            return _share_difference(expected, found, where, tolerance, share)
        for index, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
            name = names[index] if len(names) == len(expected) > 1 else f"{where}[{index}]"
            if unequal := difference(ours, theirs, [name], tolerance):
                return unequal
        return None
    if isinstance(expected, Array):
        return _array_difference(expected, found, where, tolerance)
    return _scalar_difference(expected, found, where, tolerance)


def _share_difference(
    expected: Sequence[Tree],
    found: Sequence[Tree],
    where: str,
    tolerance: tuple[float, float] | None,
    share: float,
) -> Difference | None:
    """The first wrong item of a list, where too many are wrong."""
    pairs = zip(expected, found, strict=True)
    wrong = [unequal for pair in pairs if (unequal := difference(*pair, [where], tolerance))]
    right, enough = len(expected) - len(wrong), math.ceil(share * len(expected) - 1e-9)
    if right >= enough:
        return None
    count = f"{right} of {len(expected)} are right; expected at least {enough}"
    return replace(wrong[0], kind="share", count=count)


def _array_difference(
    expected: Array, found: Tree, where: str, tolerance: tuple[float, float] | None
) -> Difference | None:
    if not isinstance(found, Array) or found.kind != expected.kind:
        return Difference("type", where, describe(expected), describe(found))
    if found.shape != expected.shape:
        return Difference("shape", where, str(expected.shape), str(found.shape))
    if found.dtype != expected.dtype:
        return Difference("dtype", where, expected.dtype, found.dtype)
    if np.array_equal(found.values, expected.values):  # as most are, and quickly seen
        return None
    differs = apart(expected, found, tolerance)
    if not differs.any():
        return None
    count = f"{int(differs.sum())} of {differs.size} numbers"
    unexpected_nan = np.isnan(found.values) & ~np.isnan(expected.values)
    kind: Kind = "nan" if unexpected_nan.any() else "value"
    ours, theirs = _side_by_side(expected.values, found.values)
    largest = float(_gap(expected, found, tolerance)[0].max())
    return Difference(kind, where, ours, theirs, largest=largest, count=count)


def apart(
    expected: Array, found: Array, tolerance: tuple[float, float] | None = None
) -> np.ndarray[Any, Any]:
    """Where the numbers of two arrays of one shape and dtype are not the same answer."""
    gap, allowed = _gap(expected, found, tolerance)
    return ~(gap <= allowed)


def _side_by_side(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> tuple[str, str]:
    """A few numbers in a line each, with as many digits as tell them apart.

    "" where they are too many to read.
    """
    if ours.size > FEW:
        return "", ""
    for precision in (3, 6, 12):
        pair = tuple(_written(values, precision) for values in (ours, theirs))
        if pair[0] != pair[1]:
            break
    return pair[0], pair[1]


def _written(values: np.ndarray[Any, Any], precision: int) -> str:
    if values.ndim == 0 and values.dtype.kind == "f":
        return f"{values.item():.{precision}g}"
    return np.array2string(values, precision=precision, suppress_small=True).replace("\n", "")


def _gap(
    expected: Array, found: Array, tolerance: tuple[float, float] | None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Absolute difference (0 for the same inf or NaN on both sides) and what is allowed."""
    absolute, relative = tolerance or TOLERANCE.get(expected.dtype, (0.0, 0.0))
    ours, theirs = expected.values.astype(np.float64), found.values.astype(np.float64)
    with np.errstate(invalid="ignore"):
        gap = np.abs(ours - theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    gap = np.where(same, 0.0, np.where(np.isnan(gap), math.inf, gap))
    return gap, absolute + relative * np.abs(np.nan_to_num(ours, posinf=0.0, neginf=0.0))


def _scalar_difference(
    expected: Tree, found: Tree, where: str, tolerance: tuple[float, float] | None
) -> Difference | None:
    if type(expected) is not type(found):
        return Difference("type", where, describe(expected), describe(found))
    if isinstance(expected, float) and isinstance(found, float):
        ours = Array(np.array(expected), "float64")
        unequal = _array_difference(ours, Array(np.array(found), "float64"), where, tolerance)
        return unequal and replace(unequal, kind="scalar")
    if expected == found:
        return None
    written = (repr(expected), repr(found)) if len(repr(found)) <= 80 else ("", "")
    return Difference("scalar", where, *written)


def gradient_difference(
    expected: Tree, found: Tree, tolerance: tuple[float, float] | None = None
) -> Difference | None:
    """The first argument or parameter whose gradient differs."""
    for name, ours in (expected or {}).items():
        theirs = found.get(name) if isinstance(found, dict) else None
        where = f"the gradient of {name}"
        if (ours is None) != (theirs is None):
            return Difference("gradient", name, describe(ours), describe(theirs))
        if ours is not None and (unequal := difference(ours, theirs, [where], tolerance)):
            return unequal
    return None


def remoteness(expected: Tree, found: Tree, tolerance: tuple[float, float] | None = None) -> float:
    """The largest difference of two trees, in units of what the tolerance allows.

    Below 1 the two are the same answer; inf where they are not the same kind of thing.
    """
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        found = [found[name] for name in expected]
        expected = list(expected.values())
    if isinstance(expected, tuple | list) and isinstance(found, tuple | list):
        if len(expected) != len(found):
            return math.inf
        pairs = zip(expected, found, strict=True)
        return max((remoteness(ours, theirs, tolerance) for ours, theirs in pairs), default=0.0)
    if isinstance(expected, float) and isinstance(found, float):
        expected, found = (Array(np.array(one), "float64") for one in (expected, found))
    if isinstance(expected, Array) and isinstance(found, Array):
        if (expected.shape, expected.dtype) != (found.shape, found.dtype):
            return math.inf
        gap, allowed = _gap(expected, found, tolerance)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.nan_to_num(gap / allowed, nan=0.0, posinf=math.inf).max(initial=0.0))
    return 0.0 if _scalar_difference(expected, found, "", tolerance) is None else math.inf
