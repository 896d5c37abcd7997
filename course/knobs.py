"""Interactive figures that do no harm in print: without a live kernel only a sentence is left."""

import io
from collections.abc import Callable

import ipywidgets
import matplotlib.pyplot as plt


class Knobs:
    """One slider per argument of `draw`, which makes a figure and runs again when a slider moves.

    Stand it on the last line of a cell. A reader on paper, or of a page without widgets, sees a
    sentence instead, so a static figure of the same thing belongs before it.

    The figure is handed over as a picture, not captured from an output area: nbclient, which runs
    the notebooks in tests, now and then waits for ever for what such an area catches
    (jupyter/nbclient issue 312).
    """

    def __init__(self, draw: Callable[..., None], **sliders: ipywidgets.Widget) -> None:
        self._draw, self._sliders = draw, sliders
        natural_size = ipywidgets.Layout(align_self="flex-start", max_width="100%")
        self._picture = ipywidgets.Image(format="png", layout=natural_size)
        for slider in sliders.values():
            slider.observe(self._show, names="value")
        self._show()
        self._widget = ipywidgets.VBox([*sliders.values(), self._picture])

    def _show(self, _: object = None) -> None:
        self._draw(**{name: slider.value for name, slider in self._sliders.items()})
        figure, picture = plt.gcf(), io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight")
        plt.close(figure)  # or it would be shown below the cell as well
        self._picture.value = picture.getvalue()

    def __repr__(self) -> str:
        names = ", ".join(slider.description for slider in self._sliders.values())
        return f"[Knobs: {names}. They turn in a notebook with a running kernel.]"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {**self._widget._repr_mimebundle_(), "text/plain": repr(self)}
