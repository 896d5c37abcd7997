"""What crosses from student code to the judge is data, whole, and nothing else."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from autograder import data
from autograder.data import Array, NotDataError, Other


class Sly(torch.Tensor):
    """A tensor that would answer every question about itself with "equal"."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return True


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        2.5,
        float("inf"),
        "텍스트 \ud800",
        (1, [2.0, "three"], {"a": (None,)}),
        {"nested": [{"deep": (float("-inf"),)}]},
    ],
)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    back = data.loads(data.dumps(data.to_tree(value)))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_tensors_come_back_bit_for_bit(dtype: torch.dtype) -> None:
    tensor = (torch.arange(12).reshape(3, 4).T - 5).to(dtype)
    back = data.loads(data.dumps(data.to_tree({"x": tensor})))["x"]
    assert torch.equal(data.to_python(back), tensor)
    assert (back.kind, back.dtype) == ("tensor", str(dtype).removeprefix("torch."))


def test_odd_values_become_a_name_or_plain_numbers() -> None:
    odd = [lambda: 0, object(), torch.nn.Linear(1, 1), {1: 2}, {"$tuple": []}, range(3), 1j, b"x"]
    for value in odd:
        assert isinstance(data.to_tree(value), Other), value
    assert data.to_tree(np.float64(2)).kind == "ndarray"
    assert data.to_tree(torch.zeros(2, dtype=torch.bfloat16)).dtype == "bfloat16"
    for dtype in (torch.complex64, torch.float8_e4m3fn, torch.uint16, torch.bool):
        back = data.loads(data.dumps(data.to_tree(torch.zeros(2).to(dtype))))
        assert f"torch.{back.dtype}" == str(dtype)
    assert data.loads(data.dumps(data.to_tree(np.zeros(2, np.longdouble)))).dtype == "float128"
    sly = data.to_tree(torch.ones(2).as_subclass(Sly))
    assert isinstance(sly, Array)
    assert sly.values.tolist() == [1.0, 1.0]


def test_what_is_too_large_becomes_its_size() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert isinstance(data.to_tree([0] * (data.MAX_LEAVES + 1)), Other)
    assert isinstance(data.to_tree("x" * (data.MAX_TEXT + 1)), Other)
    assert isinstance(data.to_tree(torch.zeros(1).expand(data.MAX_ARRAY_BYTES)), Other)
    assert isinstance(data.to_tree(10**400), Other)
    assert data.loads(data.dumps(data.to_tree(loop)))


def _with_tree(text: str, **arrays: np.ndarray[Any, Any]) -> bytes:
    return safetensors.numpy.save({**arrays, "tree": np.frombuffer(text.encode(), np.uint8)})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"correct",
        pickle.dumps({"points": 5}),
        (2**60).to_bytes(8, "little") + b"{}",
        safetensors.numpy.save({"x": np.zeros(3)}),
        _with_tree("not json"),
        _with_tree('{"$array": "7", "dtype": "float32", "kind": "tensor"}'),
        _with_tree('{"$tuple": 3}'),
        _with_tree('{"$float": "__import__"}'),
        _with_tree("[" * 100_000 + "]" * 100_000),
        _with_tree(json.dumps([0] * (data.MAX_LEAVES + 1))),
    ],
)
def test_bytes_that_are_no_answer_are_refused(content: bytes) -> None:
    with pytest.raises(NotDataError):
        data.loads(content)
