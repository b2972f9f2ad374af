"""What colour a box has: by its kind, device, kernel, cost, or the time measured.

Light tints of Okabe's and Ito's palette, which colour-blind people can tell apart, under dark text;
costs and times go from light yellow to dark blue, on a logarithmic scale. Gradients have dashed
borders too, so that no meaning hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log10

from graphflow.views.scopes import Box

SCHEMES = ("kind", "device", "kernel", "cost", "time")
TEXT = "#1b1b1b"
EDGE = "#7a7a7a"
KINDS = {
    "computation": "#cfe4f6",
    "input": "#c4ebdc",
    "variable": "#fbe0b0",
    "constant": "#ececec",
    "control flow": "#faf5b8",
    "gradient or update": "#f2d2e4",
    "scope": "#f8f8f8",
}
TINTS = (
    "#fbe0b0", "#bfe3f9", "#b8e6d6", "#faf5b8", "#b9d4ec", "#f6c9ae", "#f0d0e2", "#dadada",
)  # fmt: skip
COSTS = ("#ffffd9", "#d6efb3", "#9dd9b9", "#5bbfc0", "#3294c2", "#2560a8", "#122f7f")
_AMOUNTS = {"cost": "work", "time": "time"}  # schemes by an amount
_INPUTS = ("Placeholder", "PlaceholderWithDefault", "input")
_CONTROL = (
    "Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "RefSwitch", "while", "cond",
    "control",
)  # fmt: skip


def kind_of(box: Box) -> str:
    """What a box is, for colouring by kind."""
    if box.gradient:
        return "gradient or update"
    op = box.details.get("op", "")
    if box.children or box.kind in ("scope", "part", "section"):
        return "scope"
    if box.kind == "input" or op in _INPUTS:
        return "variable" if box.details.get("source") == "variable" else "input"
    if op.startswith("Variable") or op == "VarHandleOp":
        return "variable"
    if op in ("Const", "const"):
        return "constant"
    return "control flow" if op in _CONTROL else "computation"


class Scheme:
    """Colours for the boxes of one picture, with their legend."""

    def __init__(self, name: str, boxes: Iterable[Box]) -> None:
        boxes = list(boxes)
        self.name = name
        self.legend: list[tuple[str, str]] = []
        self._by_text: dict[str, str] = {}
        if name == "kind":
            present = {kind_of(box) for box in boxes}
            self.legend = [(k, colour) for k, colour in KINDS.items() if k in present]
        elif name in _AMOUNTS:
            self._most = max((self._amount(b) for b in boxes if not b.children), default=0.0)
            what = _AMOUNTS[name]
            self.legend = [(f"least {what}", COSTS[0]), (f"most {what}", COSTS[-1])]
        else:
            texts = dict.fromkeys(self._text(box) for box in boxes if self._text(box))
            self._by_text = {t: TINTS[n % len(TINTS)] for n, t in enumerate(texts)}
            self.legend = list(self._by_text.items())[: len(TINTS)]
            more = len(self._by_text) - len(self.legend)
            if more > 0:
                self.legend.append((f"and {more} others, colours again", "#ffffff"))
            self.legend.append((f"no {name}, or several", KINDS["scope"]))

    def _text(self, box: Box) -> str:
        return box.device if self.name == "device" else box.kernel

    def _amount(self, box: Box) -> float:
        return box.cost if self.name == "cost" else box.seconds

    def fill(self, box: Box) -> str:
        """A box's colour."""
        if self.name == "kind":
            return KINDS[kind_of(box)]
        if self.name in _AMOUNTS:
            return COSTS[self._step(self._amount(box))]
        return self._by_text.get(self._text(box), KINDS["scope"])

    def _step(self, amount: float) -> int:
        """Which of the costs' colours: each stands for half a decade below the most."""
        if amount <= 0 or self._most <= 0:
            return 0
        return max(0, min(len(COSTS) - 1, round(len(COSTS) - 1 + 2 * log10(amount / self._most))))


def text_on(fill: str) -> str:
    """The colour of text on a colour."""
    return "#ffffff" if fill in COSTS[-3:] else TEXT
