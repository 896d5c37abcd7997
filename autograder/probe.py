"""Call the student's function or module on the inputs of a sheet, and note what happened.

This runs in the student's process: nothing here knows an expected value, and nothing that it
returns is believed to be more than data. `answer` is the whole interface: bytes in, bytes out.
"""

from __future__ import annotations

import linecache
import random
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType, FunctionType, TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from autograder import data
from autograder.data import Tree

MOST_FRAMES = 8
_ENGINE = str(Path(__file__).parent)
_LIBRARIES = tuple({sysconfig.get_path(key) for key in ("stdlib", "purelib", "platlib")})


def answer(namespace: Mapping[str, Any], request: bytes) -> bytes:
    """Answer a request of `ProblemSheet.request` from the names that the student defined."""
    return data.dumps(observe(namespace, data.loads(request)))


def rehearse() -> None:
    """Answer a small request: what runs for the first time is slow."""
    case = {"args": [data.to_tree(torch.ones(2, 2))], "gradient": True, "init": None}
    case |= {"parameters": {}, "driver": None, "arguments": []}
    request = {"name": "f", "arguments": ["x"], "forbidden": ["relu"], "cases": [case, case]}
    answer({"f": lambda x: (x.exp() @ x).softmax(dim=-1).sum(dim=-1)}, data.dumps(request))


def observe(namespace: Mapping[str, Any], request: Tree) -> Tree:
    """What the student's function does on each case.

    Returns:
        None where the name is not defined; otherwise one dict a case: its "outcome" is
        "returned" (with "value", "gradients", "changed", "called") or "raised" (with "type",
        "bases", "text", "line", "traceback", "called").
    """
    name = request["name"]
    if name not in namespace:
        return None
    return [_observe_case(namespace[name], case, request) for case in request["cases"]]


def _observe_case(target: Any, case: Tree, request: Tree) -> Tree:
    watch = Watch(request["forbidden"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they would be shown once a case, at lines of ours
            with _same_random_numbers():
                observed = _use(target, case, case["arguments"] or request["arguments"], watch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: exit() in a function is a student's mistake
        observed = _raised(error)
    return {**observed, "called": sorted(watch.called)}


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Whoever draws at random draws the same in every check; what the kernel draws goes on after.

    So an answer that is right, or wrong, only for some draws has one verdict and keeps it.
    """
    of_python, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        torch.set_rng_state(of_torch)


class Watch(TorchFunctionMode):
    """Notes which forbidden functions of torch and scipy are called, however they were reached.

    A function of torch counts if its name holds a forbidden word: torch.special.softmax is
    `special_softmax` inside, torch.ops.aten._safe_softmax is `_safe_softmax.default`.
    """

    def __init__(self, forbidden: list[str]) -> None:
        super().__init__()
        self.forbidden = forbidden
        self.called: set[str] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note the call and pass it on."""
        name = getattr(func, "__name__", "")
        self.called.update(word for word in self.forbidden if word in name)
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._profiler = sys.getprofile()
        # It slows every call. A call that itself imports scipy is seen from the next case on.
        if self.forbidden and "scipy" in sys.modules:
            sys.setprofile(self._note_scipy)
        return self

    def __exit__(self, *raised: Any) -> None:
        sys.setprofile(self._profiler)
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def _note_scipy(self, frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_name
        if event == "call" and name in self.forbidden:
            module = str(frame.f_globals.get("__name__"))
            self.called.update({name} if module.startswith("scipy.") else ())


# Using the student's function --------------------------------------------------------------------


def _use(target: Any, case: Tree, names: list[str], watch: Watch) -> Tree:
    """Build (where the case asks for a module), call, differentiate: that much is watched."""
    arguments = [_argument(tree) for tree in case["args"]]
    leaves = {
        name: value.requires_grad_()
        for name, value in zip(names, arguments, strict=False)
        if case["gradient"] and isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    # What is handed over is a copy of the leaf, so that changing it in place is seen as just that.
    for index, name in enumerate(names[: len(arguments)]):
        if name in leaves:
            arguments[index] = leaves[name].clone()
    function = target
    if case["init"] is not None:
        with watch:
            function = _build(target, case)
        if case["gradient"]:
            leaves |= dict(function.named_parameters())
    if case["driver"] is not None:
        function = partial(_public(case["driver"]), function)
    with watch:
        result = function(*arguments)
        found = _gradients(result, leaves) if case["gradient"] else None
    return {
        "outcome": "returned",
        "value": data.to_tree(result),
        "gradients": found and {name: data.to_tree(value) for name, value in found.items()},
        "changed": [
            name
            for name, before, after in zip(names, case["args"], arguments, strict=False)
            if _has_changed(before, after)
        ],
    }


def _argument(tree: Tree) -> Any:
    """An input as the student's function receives it: always a fresh copy."""
    if isinstance(tree, dict) and "given" in tree:
        constants = {key: data.to_python(value) for key, value in tree["constants"].items()}
        return _public(tree["given"])(**constants)
    if isinstance(tree, list):
        return [_argument(item) for item in tree]
    if isinstance(tree, tuple):
        return tuple(_argument(item) for item in tree)
    return data.to_python(tree)


def _public(source: str) -> Callable[..., Any]:
    """The one function that a public text of the course, from its own sheet, defines."""
    scope: dict[str, Any] = {"torch": torch}
    exec(compile(source, f"{_ENGINE}/public", "exec"), scope)  # no frame of the student's
    (function,) = (value for value in scope.values() if isinstance(value, FunctionType))
    return function


def _build(target: Any, case: Tree) -> torch.nn.Module:
    """An instance of the student's class, holding the case's parameters, in evaluation mode.

    Raises:
        OtherParametersError: its parameters have other names or shapes.
    """
    module = target(*[_argument(tree) for tree in case["init"]])
    if not isinstance(module, torch.nn.Module):
        kind = type(module).__name__
        raise TypeError(f"{target.__name__}(...) makes no nn.Module: its type is {kind}")
    parameters = {name: data.to_python(tree) for name, tree in case["parameters"].items()}
    if parameters:
        _check_parameters(module, parameters)
        module.to(next(iter(parameters.values())).dtype)
        module.load_state_dict(parameters, strict=False)  # buffers are the student's own affair
    return module.eval()


class OtherParametersError(Exception):
    """A module's parameters are not those of the contract: its message goes to the student."""


def _check_parameters(module: torch.nn.Module, wanted: Mapping[str, torch.Tensor]) -> None:
    own = {name: tuple(value.shape) for name, value in module.named_parameters()}
    if missing := [name for name in wanted if name not in own]:
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise OtherParametersError(f"The module lacks the parameters {', '.join(missing)}: {has}.")
    for name, value in wanted.items():
        if own[name] != (shape := tuple(value.shape)):
            raise OtherParametersError(f"{name} has shape {own[name]}; expected {shape}.")
    if extra := sorted(own.keys() - wanted.keys()):
        raise OtherParametersError(
            f"The module has the parameters {', '.join(extra)}, which are not asked for."
        )


def _gradients(result: Any, leaves: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    """Gradient of each leaf, None where the result does not depend on it differentiably.

    The scalar differentiated is Σ cos(i + 1) · result_i over all float results: fixed, and
    without the symmetries (rows that sum to 1) under which a plain sum would be constant.
    """
    results = result if isinstance(result, tuple | list) else (result,)
    floats = [
        item
        for item in results
        if isinstance(item, torch.Tensor) and item.is_floating_point() and item.requires_grad
    ]
    if not floats:
        return dict.fromkeys(leaves)
    weights = [torch.cos(torch.arange(1, item.numel() + 1, dtype=item.dtype)) for item in floats]
    total = torch.stack(
        [(item.reshape(-1) * weight).sum() for item, weight in zip(floats, weights, strict=True)]
    ).sum()
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def _has_changed(before: Tree, after: Any) -> bool:
    """Whether a tensor does not hold what went in; NaN is the same as NaN."""
    if not (isinstance(before, data.Array) and isinstance(after, torch.Tensor)):
        return False
    if str(after.dtype) != f"torch.{before.dtype}":
        return True
    return not np.array_equal(after.detach().numpy(), before.values, equal_nan=True)


# Errors as the student's own traceback -----------------------------------------------------------


def _raised(error: BaseException) -> Tree:
    frames = _own_frames(error.__traceback__)
    try:
        text = str(error)
    except BaseException:  # an exception whose own text fails
        text = ""
    return {
        "outcome": "raised",
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "text": text[:1000],
        "line": own_line(error),
        "traceback": "\n".join(_shortened(frames)),
    }


def _shortened(frames: list[tuple[int, str, str]]) -> list[str]:
    """The frames as lines; of a deep recursion the first and the last."""
    lines = [f"  line {line} of {name}: {code}" for line, name, code in frames]
    return lines if len(lines) <= MOST_FRAMES else [*lines[:2], "  …", *lines[-2:]]


def own_line(error: BaseException) -> str:
    """The last line of the student's own on the way to an exception, "" where there is none."""
    frames = _own_frames(error.__traceback__)
    return frames[-1][2] if frames else ""


def _own_frames(trace: TracebackType | None) -> list[tuple[int, str, str]]:
    """Line number, function and text of each frame that the student wrote."""
    frames = []
    for frame, number in traceback.walk_tb(trace):
        filename = frame.f_code.co_filename
        if not filename.startswith((_ENGINE, *_LIBRARIES)):
            code = linecache.getline(filename, number).strip()
            frames.append((number, frame.f_code.co_name, code))
    return frames[-12:]  # a deep recursion repeats itself
