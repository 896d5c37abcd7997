"""One look for every figure: colour-blind-safe (Okabe-Ito lines, cividis maps), readable in print.

Every function draws into axes that the caller owns, so a lecture can put panels side by side.
"""

import itertools
from collections.abc import Sequence
from importlib.metadata import files

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.patches import Rectangle
from torch import Tensor

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def use_style() -> None:
    """Give all later figures the look of the course, and a font that has 한글."""
    plt.rc("font", family=["DejaVu Sans", _hangul_font()])
    plt.rc("figure", dpi=110)
    plt.rc("figure.constrained_layout", use=True)
    plt.rc("font", size=10)
    plt.rc("axes", titlesize=10, grid=True)
    plt.rc("axes.spines", top=False, right=False)
    plt.rc("grid", alpha=0.25)
    plt.rc("lines", linewidth=1.8, markersize=5)
    plt.rc("legend", frameon=False)


def panels(rows: int, columns: int, width: float, height: float) -> list[Axes]:
    """A figure of `rows` x `columns` panels, each `width` x `height` inches; axes row by row."""
    size = (columns * width, rows * height)
    _, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    return list(axes.flat)


def matrix(
    ax: Axes,
    values: Float[Tensor, "rows columns"],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    rows: str = "query $i$",
    columns: str = "key $j$",
    title: str,
) -> None:
    """A map of numbers between 0 (dark) and 1 (bright), each written into its cell.

    values: `(rows, columns)`; row i of an attention map holds the weights of query i.
    An exact zero is written "0", a rounded one "0.00", so that the two stay apart in print.
    """
    ax.imshow(values, cmap="cividis", vmin=0.0, vmax=1.0)
    ax.set_xticks(range(len(column_labels)), column_labels)
    ax.set_yticks(range(len(row_labels)), row_labels)
    ax.set(xlabel=columns, ylabel=rows, title=title)
    ax.grid(False)
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            text = "0" if value == 0 else f"{value:.2f}"
            color = "black" if value > 0.45 else "white"
            ax.text(j, i, text, ha="center", va="center", color=color, fontsize=9)


def block(ax: Axes, x: float, y: float, width: int, height: int, name: str, color: str) -> None:
    """A matrix as a box of `height` rows and `width` columns of unit cells, with its name.

    x, y: the lower left corner. For figures that show shapes, without axes.
    """
    for column, row in itertools.product(range(width), range(height)):
        cell = (x + column, y + row)
        ax.add_patch(Rectangle(cell, 1, 1, facecolor=color, edgecolor="white", alpha=0.55))
    ax.text(x + width / 2, y + height / 2, name, ha="center", va="center", fontsize=13)


def head_maps(weights: Float[Tensor, "n_heads n_q n_k"], tokens: Sequence[str]) -> None:
    """A figure of one map a head, without numbers: for more tokens than numbers could be read.

    weights: `(n_heads, n, n)`, each between 0 (dark) and 1 (bright); tokens: n labels.
    """
    for head, ax in enumerate(panels(1, len(weights), width=2.6, height=2.9)):
        ax.imshow(weights[head], cmap="cividis", vmin=0.0, vmax=1.0)
        ax.set_xticks(range(len(tokens)), tokens, fontsize=6)
        ax.set_yticks(range(len(tokens)), tokens, fontsize=6)
        ax.set(xlabel="key $j$", ylabel="query $i$", title=f"head {head}")
        ax.grid(False)


def spread(
    ax: Axes,
    x: Sequence[float],
    runs: Float[Tensor, "seeds points"],
    *,
    label: str,
    color: str,
    marker: str = "o",
) -> None:
    """The mean over seeds as a line, and all seeds, lowest to highest, as a band around it.

    runs: `(seeds, points)`, one row per seed; x: `(points,)`.
    """
    ax.plot(x, runs.mean(0), color=color, marker=marker, label=label)
    ax.fill_between(x, runs.amin(0), runs.amax(0), color=color, alpha=0.2, linewidth=0)


def _hangul_font() -> str:
    """The name of the Korean font that the package koreanize-matplotlib carries.

    Not by importing that package, which would make it the font of every text.
    """
    path = next(
        file.locate()
        for file in files("koreanize-matplotlib") or ()
        if file.name == "NanumGothic.ttf"
    )
    fontManager.addfont(path)
    return FontProperties(fname=path).get_name()
