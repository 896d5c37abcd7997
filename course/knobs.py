"""Interactive figures that do no harm in print: without a live kernel only a sentence is left."""

from collections.abc import Callable

import ipywidgets


class Knobs:
    """One slider per argument of `draw`, which runs again when a slider moves.

    Stand it on the last line of a cell. A reader on paper, or of a page without widgets, sees a
    sentence instead, so a static figure of the same thing belongs before it.
    """

    def __init__(self, draw: Callable[..., None], **sliders: ipywidgets.Widget) -> None:
        self._widget = ipywidgets.interactive(draw, **sliders)
        self._names = ", ".join(slider.description for slider in sliders.values())

    def __repr__(self) -> str:
        return f"[Knobs: {self._names}. They turn in a notebook with a running kernel.]"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {**self._widget._repr_mimebundle_(), "text/plain": repr(self)}
