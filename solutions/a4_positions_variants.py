# Answers that students might write. A cell with a `variant` is right and must be accepted; a cell
# with a `misconception` makes that mistake in other words than the problem's own list, and must
# still be named. Read by the tests, cell by cell; nothing here is released.

# %% problem="sinusoidal_encoding" variant="filled_columns"
import torch


def sinusoidal_encoding(n_positions, d_model):
    table = torch.empty(n_positions, d_model)
    p = torch.arange(n_positions).unsqueeze(1)
    divisor = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    table[:, 0::2] = torch.sin(p * divisor)
    table[:, 1::2] = torch.cos(p * divisor)
    return table


# %% problem="sinusoidal_encoding" variant="loops"
import math

import torch


def sinusoidal_encoding(n_positions, d_model):
    table = torch.zeros(n_positions, d_model)
    for p in range(n_positions):
        for i in range(d_model // 2):
            angle = p / 10000 ** (2 * i / d_model)
            table[p, 2 * i] = math.sin(angle)
            table[p, 2 * i + 1] = math.cos(angle)
    return table


# %% problem="sinusoidal_encoding" variant="list_of_rows"
import math

import torch


def entry(p, column, d_model):
    wave = math.cos if column % 2 else math.sin
    return wave(p * 10000 ** (-(column // 2 * 2) / d_model))


def sinusoidal_encoding(n_positions, d_model):
    return torch.tensor(
        [[entry(p, c, d_model) for c in range(d_model)] for p in range(n_positions)],
        dtype=torch.float32,
    )


# %% problem="sinusoidal_encoding" variant="complex_exponentials"
import torch


def sinusoidal_encoding(n_positions, d_model):
    w = 10000.0 ** (-torch.arange(d_model // 2, dtype=torch.float64) * 2 / d_model)
    angles = torch.outer(torch.arange(n_positions, dtype=torch.float64), w)
    turned = torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flip(-1).reshape(n_positions, d_model).float()


# %% problem="sinusoidal_encoding" variant="einops"
import torch
from einops import einsum, rearrange


def sinusoidal_encoding(n_positions, d_model):
    positions = torch.arange(n_positions, dtype=torch.float32)
    speeds = torch.pow(10000, -torch.arange(0, d_model, 2).float() / d_model)
    angles = einsum(positions, speeds, "n, i -> n i")
    return rearrange([angles.sin(), angles.cos()], "two n i -> n (i two)")


# %% problem="sinusoidal_encoding" variant="cosine_as_shifted_sine"
import torch


def sinusoidal_encoding(n_positions, d_model):
    columns = torch.arange(d_model)
    speeds = 10000 ** (-(columns - columns % 2) / d_model)
    phases = torch.pi / 2 * (columns % 2)
    return torch.sin(torch.arange(n_positions)[:, None] * speeds + phases)


# %% problem="sinusoidal_encoding" variant="numpy"
import numpy as np
import torch


def sinusoidal_encoding(n_positions, d_model):
    p, i = np.meshgrid(np.arange(n_positions), np.arange(d_model // 2), indexing="ij")
    angles = p / np.power(10000.0, 2 * i / d_model)
    table = np.zeros((n_positions, d_model), dtype=np.float32)
    table[:, ::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return torch.from_numpy(table)


# %% problem="sinusoidal_encoding" misconception="swapped_sin_cos"
import torch


def sinusoidal_encoding(n_positions, d_model):
    table = torch.empty(n_positions, d_model)
    p = torch.arange(n_positions).float().view(-1, 1)
    w = torch.exp(-math.log(10000.0) * torch.arange(0, d_model, 2) / d_model)
    table[:, 1::2] = torch.sin(p * w)
    table[:, 0::2] = torch.cos(p * w)
    return table


# %% problem="sinusoidal_encoding" misconception="a_wavelength_for_each_column"
import math

import torch


def sinusoidal_encoding(n_positions, d_model):
    table = torch.zeros(n_positions, d_model)
    for p in range(n_positions):
        for c in range(d_model):
            angle = p / 10000 ** (c / d_model)
            table[p, c] = math.sin(angle) if c % 2 == 0 else math.cos(angle)
    return table


# %% problem="sinusoidal_encoding" misconception="i_for_2i"
import torch


def sinusoidal_encoding(n_positions, d_model):
    table = torch.zeros(n_positions, d_model)
    p = torch.arange(n_positions)
    for i in range(d_model // 2):
        table[:, 2 * i] = torch.sin(p / 10000 ** (i / d_model))
        table[:, 2 * i + 1] = torch.cos(p / 10000 ** (i / d_model))
    return table


# %% problem="sinusoidal_encoding" misconception="base_e"
import torch


def sinusoidal_encoding(n_positions, d_model):
    w = torch.exp(-torch.arange(0, d_model, 2) / d_model)
    angles = torch.outer(torch.arange(n_positions).float(), w)
    table = torch.empty(n_positions, d_model)
    table[:, ::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


# %% problem="wavelengths" variant="loop"
import math

import torch


def wavelengths(d_model):
    found = []
    for i in range(d_model // 2):
        found.append(2 * math.pi * 10000 ** (2 * i / d_model))
    return torch.tensor(found)


# %% problem="wavelengths" variant="exponentials_of_logs"
import torch


def wavelengths(d_model):
    pairs = torch.arange(d_model // 2)
    return torch.exp(math.log(2 * math.pi) + 2 * pairs / d_model * math.log(10000.0))


# %% problem="wavelengths" variant="from_frequencies"
import torch


def wavelengths(d_model):
    per_position = 10000.0 ** -torch.linspace(0, 1, d_model // 2 + 1)[:-1]
    return 2 * torch.pi / per_position


# %% problem="wavelengths" variant="numpy_float64"
import numpy as np
import torch


def wavelengths(d_model):
    return torch.from_numpy(2 * np.pi * 10000 ** (np.arange(0, d_model, 2) / d_model))


# %% problem="wavelengths" variant="logspace"
import torch


def wavelengths(d_model):
    ends = 4 * (d_model - 2) / d_model
    return 2 * torch.pi * torch.logspace(0, ends, d_model // 2, dtype=torch.float64)


# %% problem="wavelengths" variant="running_product"
import math

import torch


def wavelengths(d_model):
    factor = 10000 ** (2 / d_model)
    found = [math.tau]
    while len(found) < d_model // 2:
        found.append(found[-1] * factor)
    return torch.tensor(found)


# %% problem="wavelengths" misconception="no_turn"
import torch


def wavelengths(d_model):
    return torch.tensor([10000 ** (2 * i / d_model) for i in range(d_model // 2)])


# %% problem="wavelengths" misconception="two_pi_times_frequency"
import math

import torch


def wavelengths(d_model):
    w = torch.exp(-math.log(10000.0) * torch.arange(0, d_model, 2) / d_model)
    return w * 2 * math.pi


# %% problem="wavelengths" misconception="own_wave_for_each_column"
import math

import torch


def wavelengths(d_model):
    return torch.tensor([math.tau * 10000 ** (c / d_model) for c in range(d_model)])


# %% problem="shift_matrix" variant="block_diag"
import torch


def shift_matrix(offset, d_model):
    blocks = []
    for i in range(d_model // 2):
        b = torch.tensor(offset / 10000 ** (2 * i / d_model))
        blocks.append(torch.stack([b.cos(), b.sin(), -b.sin(), b.cos()]).reshape(2, 2))
    return torch.block_diag(*blocks)


# %% problem="shift_matrix" variant="strided_diagonals"
import torch


def shift_matrix(offset, d_model):
    b = offset * 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    beside = torch.zeros(d_model - 1, dtype=torch.float64)
    beside[::2] = b.sin()
    m = torch.diag(b.cos().repeat_interleave(2))
    return m + torch.diag(beside, 1) - torch.diag(beside, -1)


# %% problem="shift_matrix" variant="power_of_one_step"
import math

import torch


def one_step(d_model):
    m = torch.zeros(d_model, d_model, dtype=torch.float64)
    for i in range(0, d_model, 2):
        w = 1 / 10000 ** (i / d_model)
        m[i, i] = m[i + 1, i + 1] = math.cos(w)
        m[i, i + 1], m[i + 1, i] = math.sin(w), -math.sin(w)
    return m


def shift_matrix(offset, d_model):
    return torch.linalg.matrix_power(one_step(d_model), offset).float()


# %% problem="shift_matrix" variant="exponential_of_a_generator"
import torch


def shift_matrix(offset, d_model):
    generator = torch.zeros(d_model, d_model, dtype=torch.float64)
    for pair in range(d_model // 2):
        speed = 10000 ** (-2 * pair / d_model)
        generator[2 * pair, 2 * pair + 1] = speed
        generator[2 * pair + 1, 2 * pair] = -speed
    return torch.matrix_exp(offset * generator)


# %% problem="shift_matrix" variant="from_position_zero"
import torch


def shift_matrix(offset, d_model):
    angles = offset / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    code = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten()  # of position offset
    m = torch.zeros(d_model, d_model)
    for c in range(0, d_model, 2):
        m[c : c + 2, c + 1] = code[c : c + 2]  # position 0 is (0, 1) in each pair
        m[c, c], m[c + 1, c] = code[c + 1], -code[c]
    return m


# %% problem="shift_matrix" variant="complex_numbers"
import cmath

import torch


def shift_matrix(offset, d_model):
    rows = [[0.0] * d_model for _ in range(d_model)]
    for i in range(d_model // 2):
        turn = cmath.exp(1j * offset / 10000 ** (2 * i / d_model))
        rows[2 * i][2 * i : 2 * i + 2] = [turn.real, turn.imag]
        rows[2 * i + 1][2 * i : 2 * i + 2] = [-turn.imag, turn.real]
    return torch.tensor(rows)


# %% problem="shift_matrix" misconception="transposed"
import torch


def shift_matrix(offset, d_model):
    blocks = []
    for i in range(d_model // 2):
        b = torch.tensor(offset / 10000 ** (2 * i / d_model))
        blocks.append(torch.stack([b.cos(), -b.sin(), b.sin(), b.cos()]).reshape(2, 2))
    return torch.block_diag(*blocks)


# %% problem="shift_matrix" misconception="one_angle"
import torch


def shift_matrix(offset, d_model):
    b = torch.tensor(float(offset))
    block = torch.stack([b.cos(), b.sin(), -b.sin(), b.cos()]).reshape(2, 2)
    return torch.block_diag(*[block] * (d_model // 2))


# %% problem="shift_matrix" misconception="i_for_2i"
import torch


def shift_matrix(offset, d_model):
    b = offset * 10000.0 ** (-torch.arange(d_model // 2) / d_model)
    m = torch.zeros(d_model, d_model)
    even = torch.arange(0, d_model, 2)
    m[even, even] = m[even + 1, even + 1] = b.cos()
    m[even, even + 1], m[even + 1, even] = b.sin(), -b.sin()
    return m


# %% problem="to_fairseq_layout" variant="einops"
from einops import rearrange


def to_fairseq_layout(encoding):
    return rearrange(encoding, "n (i two) -> n (two i)", two=2)


# %% problem="to_fairseq_layout" variant="index"
import torch


def to_fairseq_layout(encoding):
    d = encoding.shape[-1]
    order = list(range(0, d, 2)) + list(range(1, d, 2))
    return encoding[..., order]


# %% problem="to_fairseq_layout" variant="view_and_transpose"
def to_fairseq_layout(encoding):
    n, d = encoding.shape
    return encoding.reshape(n, d // 2, 2).transpose(1, 2).reshape(n, d)


# %% problem="to_fairseq_layout" variant="filled"
import torch


def to_fairseq_layout(encoding):
    half = encoding.shape[1] // 2
    out = torch.zeros_like(encoding)
    out[:, :half] = encoding[:, ::2]
    out[:, half:] = encoding[:, 1::2]
    return out


# %% problem="to_fairseq_layout" variant="permutation_matrix"
import torch


def to_fairseq_layout(encoding):
    d = encoding.shape[1]
    m = torch.zeros(d, d, dtype=encoding.dtype)
    for c in range(d):
        m[c, c // 2 + (d // 2 if c % 2 else 0)] = 1
    return encoding @ m


# %% problem="to_fairseq_layout" variant="columns"
import torch


def to_fairseq_layout(encoding):
    columns = encoding.unbind(dim=1)
    return torch.stack([*columns[::2], *columns[1::2]], dim=1)


# %% problem="to_fairseq_layout" misconception="the_other_direction"
from einops import rearrange


def to_fairseq_layout(encoding):
    return rearrange(encoding, "n (two i) -> n (i two)", two=2)


# %% problem="to_fairseq_layout" misconception="cosines_first"
def to_fairseq_layout(encoding):
    d = encoding.shape[-1]
    return encoding[:, [*range(1, d, 2), *range(0, d, 2)]]


# %% problem="to_fairseq_layout" misconception="stacked_between"
def to_fairseq_layout(encoding):
    n, d = encoding.shape
    return encoding.reshape(n, d // 2, 2).transpose(1, 2)


# %% problem="PositionalEncoding" variant="annotated"
import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.drop = nn.Dropout(p=dropout)
        self.max_len = max_len
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0), persistent=False)

    def forward(self, x):
        if x.size(1) > self.max_len:
            raise ValueError("too long")
        return self.drop(x + self.pe[:, : x.size(1)].to(x))


# %% problem="PositionalEncoding" variant="functional_dropout"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.p = dropout
        rows = []
        for p in range(max_len):
            angles = [p / 10000 ** (2 * i / d_model) for i in range(d_model // 2)]
            rows.append([wave(a) for a in angles for wave in (math.sin, math.cos)])
        self.register_buffer("codes", torch.tensor(rows, dtype=torch.float64))

    def forward(self, x):
        length = x.shape[-2]
        if length > self.codes.shape[0]:
            raise ValueError(f"{length} > {self.codes.shape[0]}")
        return torch.nn.functional.dropout(
            x + self.codes[:length].type_as(x), self.p, training=self.training
        )


# %% problem="PositionalEncoding" variant="own_dropout"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.keep = 1 - dropout
        w = 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)
        angles = torch.outer(torch.arange(max_len).float(), w)
        self.register_buffer(
            "table", torch.stack((angles.sin(), angles.cos()), 2).view(max_len, -1)
        )

    def forward(self, x):
        try:
            added = x + self.table.to(x.dtype)[torch.arange(x.shape[1])]
        except IndexError as error:
            raise ValueError("more tokens than positions") from error
        if not self.training:
            return added
        kept = torch.bernoulli(torch.full(added.shape, self.keep, dtype=added.dtype))
        return added * kept / self.keep


# %% problem="PositionalEncoding" variant="embedding_frozen"
import torch


class TooLongError(ValueError):
    pass


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.size = (max_len, d_model)
        columns = torch.arange(d_model)
        speeds = 10000 ** (-(columns - columns % 2) / d_model)
        table = torch.sin(torch.arange(max_len)[:, None] * speeds + torch.pi / 2 * (columns % 2))
        self.register_buffer("weight", table)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        b, n, _ = x.shape
        if n > self.size[0]:
            raise TooLongError
        places = torch.arange(n).expand(b, n)
        return self.dropout(x + torch.nn.functional.embedding(places, self.weight).to(x.dtype))


# %% problem="PositionalEncoding" variant="loop_over_tokens"
import torch
from einops import rearrange


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.max_len = max_len
        self.dropout = torch.nn.Dropout(dropout)
        p = torch.arange(max_len, dtype=torch.float64)
        angles = p[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
        pairs = torch.stack([angles.sin(), angles.cos()])
        self.register_buffer("code", rearrange(pairs, "two p i -> p (i two)").float())

    def forward(self, x):
        if self.max_len < x.shape[1]:
            raise ValueError("x is longer than the table")
        out = torch.stack([x[:, p] + self.code[p] for p in range(x.shape[1])], dim=1)
        return self.dropout(out)


# %% problem="PositionalEncoding" variant="transposed_table"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        table = torch.zeros(d_model, max_len)
        for i in range(d_model // 2):
            angle = torch.arange(max_len) / 10000 ** (2 * i / d_model)
            table[2 * i], table[2 * i + 1] = angle.sin(), angle.cos()
        self.register_buffer("columns", table)

    def forward(self, x):
        if x.shape[1] > self.columns.shape[1]:
            raise ValueError("max_len is too small")
        return self.dropout(x + self.columns.T[: x.shape[1]])


# %% problem="PositionalEncoding" misconception="always_dropping"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        self.p, self.max_len = dropout, max_len
        pe = torch.zeros(max_len, d_model)
        p = torch.arange(max_len)[:, None]
        w = 10000 ** (-torch.arange(0, d_model, 2) / d_model)
        pe[:, ::2], pe[:, 1::2] = torch.sin(p * w), torch.cos(p * w)
        self.register_buffer("pe", pe)

    def forward(self, x):
        if x.shape[1] > self.max_len:
            raise ValueError
        return torch.nn.functional.dropout(x + self.pe[: x.shape[1]].to(x), self.p)


# %% problem="PositionalEncoding" misconception="trainable"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        p = torch.arange(max_len)[:, None]
        w = 10000 ** (-torch.arange(0, d_model, 2) / d_model)
        pe[:, ::2], pe[:, 1::2] = torch.sin(p * w), torch.cos(p * w)
        self.pe = torch.nn.Parameter(pe)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        if x.shape[1] > self.pe.shape[0]:
            raise ValueError
        return self.dropout(x + self.pe[: x.shape[1]].to(x))


# %% problem="PositionalEncoding" misconception="plain_attribute"
import torch


class PositionalEncoding(torch.nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        p = torch.arange(max_len)[:, None]
        w = 10000 ** (-torch.arange(0, d_model, 2) / d_model)
        pe[:, ::2], pe[:, 1::2] = torch.sin(p * w), torch.cos(p * w)
        self.pe = pe
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        if x.shape[1] > self.pe.shape[0]:
            raise ValueError
        return self.dropout(x + self.pe[: x.shape[1]].to(x))


# %% problem="order_sensitivity" variant="index_select"
import torch


def order_sensitivity(layer, x, permutation):
    before = layer(torch.index_select(x, 0, permutation))
    after = torch.index_select(layer(x), 0, permutation)
    return float(torch.max(torch.abs(before - after)))


# %% problem="order_sensitivity" variant="permutation_matrix"
import torch


def order_sensitivity(layer, x, permutation):
    p = torch.eye(len(x), dtype=x.dtype)[permutation]
    return torch.linalg.vector_norm(layer(p @ x) - p @ layer(x), ord=float("inf")).item()


# %% problem="order_sensitivity" variant="loops"
def order_sensitivity(layer, x, permutation):
    one, other = layer(x[permutation]), layer(x)
    largest = 0.0
    for i, place in enumerate(permutation.tolist()):
        for a, b in zip(one[i].tolist(), other[place].tolist(), strict=True):
            largest = max(largest, abs(a - b))
    return largest


# %% problem="order_sensitivity" variant="undone"
def order_sensitivity(layer, x, permutation):
    undo = permutation.argsort()
    return (layer(x[permutation])[undo] - layer(x)).abs().amax().item()


# %% problem="order_sensitivity" variant="both_ends"
def order_sensitivity(layer, x, permutation):
    gap = layer(x[permutation]) - layer(x)[permutation]
    return max(gap.max().item(), -gap.min().item())


# %% problem="order_sensitivity" variant="scattered"
import torch


def order_sensitivity(layer, x, permutation):
    unpermuted = torch.empty_like(x)
    unpermuted[permutation] = layer(x[permutation])
    return (unpermuted - layer(x)).abs().max().tolist()


# %% problem="order_sensitivity" misconception="output_not_permuted"
def order_sensitivity(layer, x, permutation):
    difference = layer(x) - layer(x[permutation])
    return difference.abs().max().item()


# %% problem="order_sensitivity" misconception="mean"
import torch


def order_sensitivity(layer, x, permutation):
    return float(torch.nn.functional.l1_loss(layer(x[permutation]), layer(x)[permutation]))


# %% problem="order_sensitivity" misconception="a_tensor"
import torch


def order_sensitivity(layer, x, permutation):
    return torch.dist(layer(x[permutation]), layer(x)[permutation], p=float("inf"))


# %% problem="PositionalEncoding" misconception="whole_tokens"
import math

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        table = torch.zeros(max_len, d_model)
        position = torch.arange(max_len).unsqueeze(1)
        rate = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        self.register_buffer("pe", table.unsqueeze(0))
        self.p = dropout

    def forward(self, x):
        if x.size(1) > self.pe.size(1):
            raise ValueError("too long")
        total = x + self.pe[:, : x.size(1)]
        return nn.functional.dropout1d(total, self.p, self.training)


# %% problem="PositionalEncoding" misconception="frozen"
import math

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len, dropout=0.0):
        super().__init__()
        table = torch.zeros(max_len, d_model)
        position = torch.arange(max_len).unsqueeze(1)
        rate = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        self.positions = nn.Embedding.from_pretrained(table)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        if x.size(1) > self.positions.num_embeddings:
            raise ValueError("too long")
        return self.dropout(x + self.positions(torch.arange(x.size(1))))


# %% problem="sinusoidal_encoding" misconception="halves"
import torch


def sinusoidal_encoding(n_positions, d_model):
    even = torch.arange(0, d_model, 2)
    angles = torch.outer(torch.arange(n_positions).float(), 10000 ** (-even / d_model))
    return torch.stack([torch.sin(angles), torch.cos(angles)], dim=1).flatten(1)
