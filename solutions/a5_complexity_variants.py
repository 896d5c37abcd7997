# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.


# %% problem="attention_operations" variant="formula"
def attention_operations(n, d):
    return 2 * n**2 * d


# %% problem="attention_operations" variant="rows_times_columns_times_shared"
def matmul_cost(rows, shared, columns):
    return rows * shared * columns


def attention_operations(n, d):
    return matmul_cost(n, d, n) + matmul_cost(n, n, d)


# %% problem="attention_operations" variant="loop_over_queries"
def attention_operations(n, d):
    total = 0
    for _query in range(n):
        total += n * d  # its scores
        total += d * n  # its output
    return total


# %% problem="attention_operations" variant="flop_counter"
import torch
from torch.utils.flop_counter import FlopCounterMode


def attention_operations(n, d):
    with torch.device("meta"):
        q, k, v = torch.empty(n, d), torch.empty(n, d), torch.empty(n, d)
    counter = FlopCounterMode(display=False)
    with counter:
        torch.matmul(torch.matmul(q, k.transpose(0, 1)), v)
    return counter.get_total_flops() // 2


# %% problem="attention_operations" variant="product_of_a_list"
import math


def attention_operations(n, d):
    return math.prod([2, n, n, d])


# %% problem="attention_operations" variant="flops_halved"
def attention_operations(n, d):
    flops = 4 * n * n * d
    return flops // 2


# %% problem="attention_operations" variant="sum_over_pairs"
def attention_operations(n, d):
    pairs = sum(1 for i in range(n)) ** 2
    return sum([pairs * d, pairs * d])


# %% problem="attention_operations" misconception="additions_apart"
def attention_operations(n, d):
    multiplications, additions = n * n * d, n * n * d
    return 2 * (multiplications + additions)


# %% problem="attention_operations" misconception="linear"
def attention_operations(n, d):
    return sum(2 * d for _ in range(n))


# %% problem="attention_operations" misconception="with_four_projections"
def attention_operations(n, d):
    projections = 4 * n * d**2
    return projections + 2 * n**2 * d


# %% problem="attention_operations" misconception="a_float"
import math


def attention_operations(n, d):
    return 2 * math.pow(n, 2) * d


# %% problem="attention_operations" misconception="through_a_float"
def attention_operations(n, d):
    return int(n**2 * d * 1e0) * 2


# %% problem="attention_operations" misconception="an_output_is_one_operation"
def attention_operations(n, d):
    pairs = sum(i + 1 for i in range(n))  # key j not after query i
    return pairs * d * 2


# %% problem="recurrent_operations" variant="formula"
def recurrent_operations(n, d):
    return 2 * n * d**2


# %% problem="recurrent_operations" variant="loop_over_steps"
def recurrent_operations(n, d):
    total = 0
    for _ in range(n):
        total += d * d  # W_x x
        total += d * d  # W_h h
    return total


# %% problem="recurrent_operations" variant="flop_counter"
import torch
from torch.utils.flop_counter import FlopCounterMode


def recurrent_operations(n, d):
    w = torch.empty(d, 2 * d, device="meta")
    both = torch.empty(2 * d, 1, device="meta")  # x on top of h
    with FlopCounterMode(display=False) as counter:
        torch.mm(w, both)
    return n * counter.get_total_flops() // 2


# %% problem="recurrent_operations" variant="two_layers"
def recurrent_operations(n, d):
    entries = d**2
    w_x, w_h = n * entries, n * entries
    return w_x + w_h


# %% problem="recurrent_operations" variant="recursive_halves"
def recurrent_operations(n, d):
    if n == 1:
        return d * d * 2
    half = n // 2
    return recurrent_operations(half, d) + recurrent_operations(n - half, d)


# %% problem="recurrent_operations" variant="bits_shifted"
def recurrent_operations(n, d):
    return n * d * d << 1


# %% problem="recurrent_operations" misconception="twice"
def recurrent_operations(n, d):
    width = 2 * d  # x and h side by side
    return n * width * width


# %% problem="recurrent_operations" misconception="from_the_start_each_time"
def recurrent_operations(n, d):
    return sum((t + 1) * 2 * d * d for t in range(n))


# %% problem="recurrent_operations" misconception="first_state_free"
def recurrent_operations(n, d):
    return n * d**2 + (n - 1) * d**2


# %% problem="recurrent_operations" misconception="through_a_float"
import math


def recurrent_operations(n, d):
    return round(2 * n * math.pow(d, 2))


# %% problem="recurrent_operations" misconception="a_float"
def recurrent_operations(n, d):
    return n * d**2 / 0.5


# %% problem="crossover_length" variant="bare"
def crossover_length(d):
    return d


# %% problem="crossover_length" variant="upwards"
def crossover_length(d):
    n = 1
    while 2 * n * n * d != 2 * n * d * d:
        n += 1
    return n


# %% problem="crossover_length" variant="bisection"
def crossover_length(d):
    low, high = 1, 2
    while high * high * d < high * d * d:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if middle * middle * d >= middle * d * d:
            high = middle
        else:
            low = middle + 1
    return low


# %% problem="crossover_length" variant="divided"
def crossover_length(d):
    return (2 * d**2) // (2 * d)


# %% problem="crossover_length" variant="first_in_a_range"
def crossover_length(d):
    return next(n for n in range(1, d + 1) if 2 * n**2 * d >= 2 * n * d**2)


# %% problem="crossover_length" variant="root_of_a_polynomial"
import numpy as np


def crossover_length(d):
    return round(max(np.roots([2 * d, -2 * d**2, 0]).real))


# %% problem="crossover_length" variant="sympy"
import sympy


def crossover_length(d):
    n = sympy.symbols("n", positive=True)
    (length,) = sympy.solve(sympy.Eq(2 * n**2 * d, 2 * n * d**2), n)
    return int(length)


# %% problem="crossover_length" misconception="first_dearer"
def crossover_length(d):
    n = 1
    while n * n * d <= n * d * d:
        n += 1
    return n


# %% problem="crossover_length" misconception="last_cheaper"
def crossover_length(d):
    return max([n for n in range(3 * d) if n * n * d < n * d * d], default=0)


# %% problem="crossover_length" misconception="a_float"
import math


def crossover_length(d):
    return math.sqrt(d**2)


# %% problem="sequential_operations" variant="ifs"
def sequential_operations(layer, n):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n
    if layer == "convolution":
        return 1
    raise ValueError("unknown layer")


# %% problem="sequential_operations" variant="match"
def sequential_operations(layer, n):
    match layer:
        case "self-attention" | "convolution":
            return 1
        case "recurrent":
            return n
    raise ValueError(layer)


# %% problem="sequential_operations" variant="key_error_translated"
STEPS = {
    "self-attention": lambda n: 1,
    "recurrent": lambda n: n,
    "convolution": lambda n: 1,
}


def sequential_operations(layer, n):
    try:
        return STEPS[layer](n)
    except KeyError as error:
        raise ValueError(f"unknown: {layer}") from error


# %% problem="sequential_operations" variant="power"
def sequential_operations(layer, n):
    names = ["self-attention", "convolution", "recurrent"]
    return n ** (names.index(layer) // 2)  # index raises ValueError by itself


# %% problem="sequential_operations" variant="own_error"
class UnknownLayerError(ValueError):
    pass


def sequential_operations(layer, n):
    if layer not in {"self-attention", "recurrent", "convolution"}:
        raise UnknownLayerError(layer)
    return n if layer == "recurrent" else 1


# %% problem="sequential_operations" variant="simulated"
def sequential_operations(layer, n):
    if layer not in ("self-attention", "recurrent", "convolution"):
        raise ValueError
    done, steps = set(), 0
    while len(done) < n:
        waits = layer == "recurrent"
        ready = {t for t in range(n) if not waits or t <= len(done)}
        done |= ready
        steps += 1
    return steps


# %% problem="sequential_operations" misconception="swapped"
def sequential_operations(layer, n):
    if layer == "self-attention":
        return n
    if layer in ("recurrent", "convolution"):
        return 1
    raise ValueError(layer)


# %% problem="sequential_operations" misconception="key_error"
def sequential_operations(layer, n):
    return {"self-attention": 1, "recurrent": n, "convolution": 1}[layer]


# %% problem="sequential_operations" misconception="nothing_for_other_names"
def sequential_operations(layer, n):
    result = None
    if layer == "recurrent":
        result = n
    elif layer in ("self-attention", "convolution"):
        result = 1
    return result


# %% problem="sequential_operations" misconception="begins_alike"
def sequential_operations(layer, n):
    if "self-attention" in layer or layer == "convolution":
        return 1
    if layer == "recurrent":
        return n
    raise ValueError(layer)


# %% problem="longest_path" variant="math_ceil"
import math


def longest_path(layer, n, kernel_size=None):
    if layer == "convolution":
        if kernel_size is None:
            raise ValueError("kernel_size is needed")
        return math.ceil((n - 1) / (kernel_size - 1))
    if layer == "recurrent":
        return n - 1
    if layer == "self-attention":
        return 1
    raise ValueError(layer)


# %% problem="longest_path" variant="stacked_until_seen"
def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n - 1
    if layer != "convolution" or not kernel_size:
        raise ValueError
    seen, layers = 1, 0
    while seen < n:
        seen += kernel_size - 1
        layers += 1
    return layers


# %% problem="longest_path" variant="adding_before_dividing"
def longest_path(layer, n, kernel_size=None):
    match layer, kernel_size:
        case "self-attention", _:
            return 1
        case "recurrent", _:
            return n - 1
        case "convolution", int(k):
            return (n - 1 + k - 2) // (k - 1)
        case _:
            raise ValueError(f"{layer} with kernel {kernel_size}")


# %% problem="longest_path" variant="divmod"
def longest_path(layer, n, kernel_size=None):
    reach = {"self-attention": n - 1, "recurrent": 1}
    if layer == "convolution" and kernel_size is not None:
        reach["convolution"] = kernel_size - 1
    if layer not in reach:
        raise ValueError(layer)
    whole, rest = divmod(n - 1, reach[layer])
    return whole + bool(rest)


# %% problem="longest_path" variant="numpy_ceil"
import numpy as np


def longest_path(layer, n, kernel_size=None):
    if layer not in ["self-attention", "recurrent", "convolution"]:
        raise ValueError("no such layer")
    if layer == "convolution":
        if kernel_size is None:
            raise ValueError("no kernel size")
        return int(np.ceil((n - 1) / (kernel_size - 1)))
    return 1 if layer == "self-attention" else n - 1


# %% problem="longest_path" variant="type_error_translated"
def longest_path(layer, n, kernel_size=None):
    try:
        return {
            "self-attention": lambda: 1,
            "recurrent": lambda: n - 1,
            "convolution": lambda: 1 + (n - 2) // (kernel_size - 1),
        }[layer]()
    except (KeyError, TypeError) as error:
        raise ValueError("cannot tell") from error


# %% problem="longest_path" variant="range"
def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        kernel_size = 2  # each state sees itself and the one before
    elif layer != "convolution" or kernel_size is None:
        raise ValueError((layer, kernel_size))
    return len(range(0, n - 1, kernel_size - 1))


# %% problem="longest_path" misconception="rounded_down"
def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n - 1
    if layer != "convolution" or kernel_size is None:
        raise ValueError(layer)
    return int((n - 1) / (kernel_size - 1))


# %% problem="longest_path" misconception="kernels_side_by_side"
import math


def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n - 1
    if layer != "convolution" or kernel_size is None:
        raise ValueError(layer)
    return math.ceil(n / kernel_size)


# %% problem="longest_path" misconception="no_word_on_the_kernel"
import math


def longest_path(layer, n, kernel_size=None):
    if layer == "self-attention":
        return 1
    if layer == "recurrent":
        return n - 1
    if layer == "convolution":
        return math.ceil((n - 1) / (kernel_size - 1))
    raise ValueError(layer)


# %% problem="longest_path" misconception="always_one_more"
def longest_path(layer, n, kernel_size=None):
    if layer not in ("self-attention", "recurrent", "convolution"):
        raise ValueError(layer)
    if layer != "convolution":
        return 1 if layer == "self-attention" else n - 1
    if kernel_size is None:
        raise ValueError(kernel_size)
    seen, layers = 1, 0
    while seen <= n:
        seen, layers = seen + kernel_size - 1, layers + 1
    return layers


# %% problem="attention_memory" variant="shape"
import math


def attention_memory(batch, n_heads, n, bytes_per_element):
    shape = (batch, n_heads, n, n)
    return math.prod(shape) * bytes_per_element


# %% problem="attention_memory" variant="meta_tensor"
import torch


def attention_memory(batch, n_heads, n, bytes_per_element):
    weights = torch.empty(batch, n_heads, n, n, dtype=torch.uint8, device="meta")
    return weights.nbytes * bytes_per_element


# %% problem="attention_memory" variant="loops_over_maps"
def attention_memory(batch, n_heads, n, bytes_per_element):
    total = 0
    for _sentence in range(batch):
        for _head in range(n_heads):
            total += n**2 * bytes_per_element
    return total


# %% problem="attention_memory" variant="torch_size"
import torch


def attention_memory(batch, n_heads, n, bytes_per_element):
    return torch.Size([batch, n_heads, n, n]).numel() * bytes_per_element


# %% problem="attention_memory" variant="bits"
def attention_memory(batch, n_heads, n, bytes_per_element):
    bits = 8 * bytes_per_element
    return bits * (n * n) * (batch * n_heads) // 8


# %% problem="attention_memory" variant="reduce"
from functools import reduce
from operator import mul


def attention_memory(batch, n_heads, n, bytes_per_element):
    return reduce(mul, (bytes_per_element, n, n, n_heads, batch))


# %% problem="attention_memory" misconception="one_head"
import torch


def attention_memory(batch, n_heads, n, bytes_per_element):
    return torch.empty(batch, n, n, device="meta").numel() * bytes_per_element


# %% problem="attention_memory" misconception="one_row"
def attention_memory(batch, n_heads, n, bytes_per_element):
    return sum(n_heads * n * bytes_per_element for _ in range(batch))


# %% problem="attention_memory" misconception="a_float"
import math


def attention_memory(batch, n_heads, n, bytes_per_element):
    return math.pow(n, 2) * bytes_per_element * n_heads * batch


# %% problem="attention_memory" misconception="through_a_float"
import math


def attention_memory(batch, n_heads, n, bytes_per_element):
    return int(batch * n_heads * math.pow(n, 2) * bytes_per_element)


# %% problem="recurrent_layer" variant="accumulate"
import itertools

import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    def step(h, x_t):
        return torch.tanh(x_t @ w_x + h @ w_h + b)

    _, *states = itertools.accumulate(x, step, initial=h0)
    return torch.stack(states)


# %% problem="recurrent_layer" variant="all_tokens_first"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    from_tokens = x @ w_x + b  # (n, d): this part waits for nothing
    rows, state = [], h0
    for t in range(x.shape[0]):
        state = (from_tokens[t] + state @ w_h).tanh()
        rows.append(state)
    return torch.stack(rows, dim=0)


# %% problem="recurrent_layer" variant="one_matrix"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    w = torch.cat([w_x, w_h])  # (d_in + d, d)
    out, h = [], h0.unsqueeze(0)
    for i in range(len(x)):
        h = torch.tanh(torch.addmm(b, torch.cat([x[i : i + 1], h], dim=1), w))
        out += [h]
    return torch.cat(out)


# %% problem="recurrent_layer" variant="recursive"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    h = torch.tanh(x[:1] @ w_x + h0 @ w_h + b)
    if len(x) == 1:
        return h
    return torch.cat([h, recurrent_layer(x[1:], w_x, w_h, b, h[0])])


# %% problem="recurrent_layer" variant="einsum"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0, []
    for x_t in x.unbind(0):
        a = torch.einsum("i,io->o", x_t, w_x) + torch.einsum("i,io->o", h, w_h) + b
        h = torch.tanh(a)
        states.append(h)
    return torch.vstack(states)


# %% problem="recurrent_layer" variant="linear_and_transposes"
import torch
from torch.nn import functional


def recurrent_layer(x, w_x, w_h, b, h0):
    previous = h0
    result = []
    for token in x:
        total = functional.linear(token, w_x.T, b) + functional.linear(previous, w_h.T)
        previous = functional.tanh(total)
        result.append(previous)
    return torch.stack(result)


# %% problem="recurrent_layer" variant="filled"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    n, d = x.shape[0], h0.shape[0]
    out = x.new_zeros(n, d)
    h = h0.clone()
    for t in range(n):
        h = torch.tanh(w_x.T @ x[t] + w_h.T @ h + b)
        out[t] = h  # read from h, not from out: nothing needed is overwritten
    return out


# %% problem="recurrent_layer" variant="sigmoid_of_twice"
import torch
from einops import einsum, rearrange


def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0, []
    tokens = einsum(x, w_x, "n i, i d -> n d")
    for a in tokens:
        h = 2 * torch.sigmoid(2 * (a + einsum(h, w_h, "j, j d -> d") + b)) - 1
        states.append(h)
    return rearrange(states, "n d -> n d")


# %% problem="recurrent_layer" variant="own_module"
import torch


class Cell(torch.nn.Module):
    def forward(self, x_t, h, w_x, w_h, b):
        return torch.tanh(x_t.matmul(w_x).add(h.matmul(w_h)).add(b))


def recurrent_layer(x, w_x, w_h, b, h0):
    cell, states = Cell(), [h0]
    for i in range(x.size(0)):
        states.append(cell(x[i], states[-1], w_x, w_h, b))
    return torch.stack(states[1:])


# %% problem="recurrent_layer" misconception="no_memory"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    return (x @ w_x + b).tanh()


# %% problem="recurrent_layer" misconception="state_of_zeros"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    states = torch.zeros(len(x), len(h0), dtype=x.dtype)
    return torch.tanh(x @ w_x + states @ w_h + b)


# %% problem="recurrent_layer" misconception="w_h_transposed"
import torch
from torch.nn import functional


def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0, []
    for t in range(len(x)):
        h = torch.tanh(x[t] @ w_x + functional.linear(h, w_h, b))
        states.append(h)
    return torch.stack(states)


# %% problem="recurrent_layer" misconception="state_detached"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    h, states = h0.detach(), []
    for x_t in x:
        new = torch.tanh(x_t @ w_x + h @ w_h + b)
        states.append(new)
        h = new.data
    return torch.stack(states)


# %% problem="recurrent_layer" misconception="not_followed_by_torch"
import numpy as np
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    h = h0.numpy()
    out = []
    for x_t in x.numpy():
        h = np.tanh(x_t @ w_x.numpy() + h @ w_h.numpy() + b.numpy())
        out.append(torch.from_numpy(h))
    return torch.stack(out)


# %% problem="recurrent_layer" misconception="only_the_last_state"
import functools

import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    return functools.reduce(lambda h, x_t: torch.tanh(x_t @ w_x + h @ w_h + b), x, h0)


# %% problem="recurrent_layer" misconception="h0_in_front"
import torch


def recurrent_layer(x, w_x, w_h, b, h0):
    states = [h0]
    for x_t in x:
        states.append(torch.tanh(x_t @ w_x + states[-1] @ w_h + b))
    return torch.stack(states)


# %% problem="fit_exponent" variant="numpy_polyfit"
import numpy as np


def fit_exponent(sizes, costs):
    slope, _ = np.polyfit(np.log(np.array(sizes)), np.log(np.array(costs)), 1)
    return float(slope)


# %% problem="fit_exponent" variant="lstsq_in_float32"
import torch


def fit_exponent(sizes, costs):
    x = torch.log2(torch.as_tensor(sizes).float())
    y = torch.log2(torch.as_tensor(costs).float())
    a = torch.stack([x, torch.ones_like(x)], dim=1)
    return torch.linalg.lstsq(a, y[:, None]).solution[0].item()


# %% problem="fit_exponent" variant="statistics"
import math
import statistics


def fit_exponent(sizes, costs):
    x = [math.log10(size) for size in sizes]
    y = [math.log10(cost) for cost in costs]
    return statistics.linear_regression(x, y).slope


# %% problem="fit_exponent" variant="scipy_linregress"
import numpy as np
from scipy import stats


def fit_exponent(sizes, costs):
    return float(stats.linregress(np.log2(sizes), np.log2(costs)).slope)


# %% problem="fit_exponent" variant="sums_by_hand"
import math


def fit_exponent(sizes, costs):
    n = len(sizes)
    x, y = [math.log(s) for s in sizes], [math.log(c) for c in costs]
    sx, sy = sum(x), sum(y)
    sxy = sum(a * b for a, b in zip(x, y, strict=True))
    sxx = sum(a * a for a in x)
    return (n * sxy - sx * sy) / (n * sxx - sx**2)


# %% problem="fit_exponent" variant="covariance_over_variance"
import numpy as np


def fit_exponent(sizes, costs):
    cov = np.cov(np.log(list(map(float, sizes))), np.log(list(map(float, costs))))
    return float(cov[0, 1] / cov[0, 0])


# %% problem="fit_exponent" variant="normal_equations"
import torch


def fit_exponent(sizes, costs):
    x = torch.tensor([float(s) for s in sizes], dtype=torch.double).log10()
    y = torch.tensor([float(c) for c in costs], dtype=torch.double).log10()
    a = torch.stack([torch.ones_like(x), x], dim=1)
    return (torch.linalg.inv(a.T @ a) @ a.T @ y)[1].item()


# %% problem="fit_exponent" variant="polynomial_fit_lowest_first"
import numpy as np


def fit_exponent(sizes, costs):
    pairs = sorted(zip(map(float, sizes), map(float, costs), strict=True))
    x, y = np.log(np.array(pairs)).T
    return np.polynomial.polynomial.polyfit(x, y, 1)[1].item()


# %% problem="fit_exponent" variant="correlation_times_spreads"
import torch


def fit_exponent(sizes, costs):
    table = torch.stack([torch.as_tensor(v, dtype=torch.float64) for v in (sizes, costs)]).log()
    r = torch.corrcoef(table)[0, 1]
    spread = table.std(dim=1)
    return float(r * spread[1] / spread[0])


# %% problem="fit_exponent" variant="float32_closed_form"
import torch


def fit_exponent(sizes, costs):
    x, y = torch.as_tensor(sizes).log(), torch.as_tensor(costs).log()
    x, y = x.float(), y.float()
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


# %% problem="fit_exponent" variant="curve_fit_of_a_line"
import numpy as np
from scipy.optimize import curve_fit


def fit_exponent(sizes, costs):
    (slope, _), _ = curve_fit(
        lambda x, p, c: p * x + c,
        np.log(np.asarray(sizes, float)),
        np.log(np.asarray(costs, float)),
        p0=(1.0, 0.0),
    )
    return float(slope)


# %% problem="fit_exponent" misconception="no_logarithms"
import numpy as np


def fit_exponent(sizes, costs):
    return float(np.polyfit(np.asarray(sizes, float), np.asarray(costs, float), 1)[0])


# %% problem="fit_exponent" misconception="swapped_axes"
import numpy as np


def fit_exponent(sizes, costs):
    return float(np.polyfit(np.log(costs), np.log(sizes), 1)[0])


# %% problem="fit_exponent" misconception="intercept"
import math
import statistics


def fit_exponent(sizes, costs):
    x, y = ([math.log(value) for value in values] for values in (sizes, costs))
    return statistics.linear_regression(x, y).intercept


# %% problem="fit_exponent" misconception="covariance_over_variance_of_other_n"
import numpy as np


def fit_exponent(sizes, costs):
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float))
    return float(np.cov(x, y)[0, 1] / np.var(x))


# %% problem="fit_exponent" misconception="a_number_of_numpy"
import numpy as np


def fit_exponent(sizes, costs):
    return np.polyfit(np.log(sizes), np.log(costs), 1)[0]


# %% problem="fit_exponent" misconception="through_the_origin"
import torch


def fit_exponent(sizes, costs):
    x = torch.as_tensor(sizes, dtype=torch.float64).log()[:, None]
    y = torch.as_tensor(costs, dtype=torch.float64).log()[:, None]
    return torch.linalg.lstsq(x, y).solution.item()


# %% problem="attention_memory" misconception="overflows"
import numpy as np


def attention_memory(batch, n_heads, n, bytes_per_element):
    return int(np.prod([batch, n_heads, n, n, bytes_per_element]))


# %% problem="fit_exponent" misconception="median_of_all_slopes"
import itertools
import math
import statistics


def fit_exponent(sizes, costs):
    points = [(math.log(float(s)), math.log(float(c))) for s, c in zip(sizes, costs, strict=True)]
    pairs = itertools.combinations(points, 2)
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if a[0] != b[0])
