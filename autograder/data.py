"""Data only: the values that may cross between student code and the judge.

A *tree* is `None`, a bool, int, float, str, `Array` or `Other`, nested in tuples, lists and dicts
with str keys. Trees travel as JSON beside safetensors, never as a pickle, and their size is
limited, so that nothing a student returns can run, or swamp, the side that judges.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import safetensors.numpy
import torch

MAX_LEAVES = 10_000
MAX_DEPTH = 20
MAX_TEXT = 20_000
MAX_ARRAY_BYTES = 2_000_000

Tree: TypeAlias = Any
"""A value made of data only, as the module's docstring defines it."""


class NotDataError(ValueError):
    """A value, or bytes that claim to be one, is not data within the limits."""


@dataclass(frozen=True, eq=False)
class Array:
    """The numbers of a tensor or array, with what its own library called it.

    `values` is a numpy array; `dtype` the name that torch or numpy gave ("float32", "bfloat16");
    `kind` is "tensor" or "ndarray".
    """

    values: np.ndarray[Any, Any]
    dtype: str
    kind: str = "tensor"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)


@dataclass(frozen=True)
class Other:
    """Something that is not data, or too much of it: only the name of its type crosses.

    Names that are not in `KNOWN_TYPES` arrive as "object": a name is text, and text that student
    code chooses could carry hidden inputs into a message.
    """

    type_name: str


KNOWN_TYPES = frozenset(
    """builtin_function_or_method bytes complex dict dtype ellipsis frozenset function generator
    int list map method module ndarray range reversed set Size slice str Tensor tuple type zip
    AssertionError Exception IndexError KeyError RuntimeError TypeError ValueError
    """.split()
)
_DTYPES = frozenset(name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype))
_PORTABLE = (torch.float16, torch.float32, torch.float64)


# From Python values to trees, and back to tensors ------------------------------------------------


def to_tree(value: object, depth: int = 0) -> Tree:
    """`value` as a tree; whatever is not data becomes `Other`. Never raises on odd values."""
    if isinstance(value, torch.Tensor):
        return _from_tensor(value)
    if isinstance(value, np.ndarray | np.generic):
        return _from_numpy(np.asarray(value))
    if value is None or type(value) in (bool, int, float, str):
        return _within_limits(value)
    if isinstance(value, tuple | list | dict):
        return _from_container(value, depth)
    return Other(type(value).__name__)


def _from_container(
    value: tuple[object, ...] | list[object] | dict[object, object], depth: int
) -> Tree:
    if len(value) > MAX_LEAVES or depth >= MAX_DEPTH:
        return Other(type(value).__name__)
    if isinstance(value, dict):
        if not all(type(key) is str and not key.startswith("$") for key in value):
            return Other("dict")
        return {str(key): to_tree(item, depth + 1) for key, item in value.items()}
    items = [to_tree(item, depth + 1) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _within_limits(value: Tree) -> Tree:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return Other("str")
    if type(value) is int and value.bit_length() > 1024:
        return Other("int")
    return value


def _from_tensor(tensor: torch.Tensor) -> Array | Other:
    with torch._C.DisableTorchFunctionSubclass():  # a subclass may not answer for its numbers
        if tensor.layout != torch.strided or tensor.device.type == "meta" or tensor.is_quantized:
            return Other("Tensor")  # sparse, without numbers, or quantised
        tensor = torch.Tensor.as_subclass(tensor, torch.Tensor)  # nor for its dtype
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tensor.nelement() * tensor.element_size() > MAX_ARRAY_BYTES:
            return Other("Tensor")
        plain = tensor.detach()
        if plain.dtype not in _PORTABLE or plain.is_neg() or plain.device.type != "cpu":
            plain = _portable(plain.cpu().resolve_conj().resolve_neg())
        return Array(plain.numpy().copy(order="C"), dtype)


def _portable(plain: torch.Tensor) -> torch.Tensor:
    """A tensor as numpy can hold it: `Array.dtype` keeps the name that it had."""
    if plain.is_complex():
        plain = plain.real
    is_other = plain.is_floating_point() and plain.dtype not in _PORTABLE
    return plain.float() if is_other else plain


def _from_numpy(array: np.ndarray[Any, Any]) -> Array | Other:
    if array.dtype.kind not in "biuf" or array.nbytes > MAX_ARRAY_BYTES:
        return Other("ndarray")
    dtype = str(array.dtype)
    if dtype not in _DTYPES:
        array = array.astype(np.float64)  # longdouble: `dtype` keeps the name
    return Array(np.ascontiguousarray(array).reshape(array.shape), dtype, "ndarray")


def to_python(tree: Tree) -> Any:
    """The values a tree stands for, its arrays as fresh tensors (or numpy arrays)."""
    if isinstance(tree, Array):
        return torch.from_numpy(tree.values.copy()) if tree.kind == "tensor" else tree.values.copy()
    if isinstance(tree, tuple):
        return tuple(to_python(item) for item in tree)
    if isinstance(tree, list):
        return [to_python(item) for item in tree]
    if isinstance(tree, dict):
        return {key: to_python(item) for key, item in tree.items()}
    return tree


# From trees to JSON and arrays, and back ---------------------------------------------------------


def pack(tree: Tree) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """Split a tree into a JSON value and its arrays, named "0", "1", … in order.

    Raises:
        NotDataError: the tree holds something else, or more than the limits allow.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    return _pack(tree, arrays, 0), arrays


def _pack(tree: Tree, arrays: dict[str, np.ndarray[Any, Any]], depth: int) -> Any:
    if depth > MAX_DEPTH + 10:
        raise NotDataError(f"nested deeper than {MAX_DEPTH + 10} levels")
    if tree is None or type(tree) in (bool, int, str):
        return tree
    if type(tree) is float:
        return tree if math.isfinite(tree) else {"$float": str(tree)}
    if isinstance(tree, list):
        return [_pack(item, arrays, depth + 1) for item in tree]
    if isinstance(tree, tuple):
        return {"$tuple": [_pack(item, arrays, depth + 1) for item in tree]}
    if isinstance(tree, dict):
        return {key: _pack(item, arrays, depth + 1) for key, item in tree.items()}
    if isinstance(tree, Other):
        return {"$other": tree.type_name}
    if isinstance(tree, Array):
        key = str(len(arrays))
        arrays[key] = tree.values
        return {"$array": key, "dtype": tree.dtype, "kind": tree.kind}
    raise NotDataError(f"{type(tree).__name__} is not data")


def unpack(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Tree:
    """The inverse of `pack`.

    Raises:
        NotDataError: the JSON names an array that is not there, or is malformed.
    """
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$tuple": list(items)}:
            return tuple(unpack(item, arrays) for item in items)
        case {"$float": str(text)} if text in ("nan", "inf", "-inf"):
            return float(text)
        case {"$other": str(name)}:
            return Other(name if name in KNOWN_TYPES else "object")
        case {"$array": str(key), "dtype": str(dtype), "kind": "tensor" | "ndarray" as kind} if (
            key in arrays and (dtype in _DTYPES or dtype == "float128")
        ):
            return Array(arrays[key], dtype, kind)
    if any(key.startswith("$") for key in value):
        raise NotDataError(f"malformed entry with the keys {sorted(value)[:4]}")
    return {key: unpack(item, arrays) for key, item in value.items()}


def dumps(tree: Tree) -> bytes:
    """A tree as bytes: one safetensors file whose entry "tree" is the JSON."""
    value, arrays = pack(tree)
    text = json.dumps(value, allow_nan=False).encode("utf-8", "surrogatepass")
    return safetensors.numpy.save({**arrays, "tree": np.frombuffer(text, dtype=np.uint8)})


def loads(content: bytes) -> Tree:
    """The inverse of `dumps`, for bytes that nobody vouches for.

    Raises:
        NotDataError: the bytes are not what `dumps` writes.
    """
    try:
        arrays = safetensors.numpy.load(content)
        text = arrays.pop("tree").tobytes().decode("utf-8", "surrogatepass")
        tree = unpack(json.loads(text), arrays)
        leaves = sum(1 for _ in _leaves(tree))
    except NotDataError:
        raise
    except Exception as error:  # whatever a parser makes of hostile bytes
        raise NotDataError(f"not an answer: {type(error).__name__}") from error
    if leaves > MAX_LEAVES:
        raise NotDataError(f"{leaves:,} values are more than {MAX_LEAVES:,}")
    return tree


def _leaves(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from _leaves(item)
    else:
        yield tree
