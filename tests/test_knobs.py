"""Knobs draw anew when they are turned, and leave a sentence where nothing can turn."""

import matplotlib.pyplot as plt
from ipywidgets import IntSlider

from course.knobs import Knobs


def test_a_turned_knob_draws_anew_and_leaves_no_figure_open() -> None:
    drawn = []

    def draw(size: int) -> None:
        drawn.append(size)
        plt.subplots()[1].set_title(f"{size}")

    slider = IntSlider(3, description="size")
    knobs = Knobs(draw, size=slider)
    before = bytes(knobs._picture.value)
    slider.value = 5
    assert drawn == [3, 5]
    assert before.startswith(b"\x89PNG")
    assert bytes(knobs._picture.value).startswith(b"\x89PNG")
    assert bytes(knobs._picture.value) != before
    assert plt.get_fignums() == []
    bundle = knobs._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == ("[Knobs: size. They turn in a notebook with a running kernel.]")
