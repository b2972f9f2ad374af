"""Tables of Inception networks, and what makes layers of them.

A network is lines ``name: branch; branch``; a branch is words: ``96*3x3/2`` is a convolution of 96
channels with strides of 2, ``avg`` and ``max`` a pooling over 3x3, ``384*1x3+384*3x1`` two
convolutions side by side. A line of one word is a single layer; ``=`` at its end has it padded.
Layers are named after their place in the branch, ``Conv2d_0b_3x3``, those with strides
``Conv2d_1a_3x3``; other names stand in a table.
Sources: Szegedy et al., arXiv:1409.4842, 2014; Ioffe & Szegedy, arXiv:1502.03167, 2015; Szegedy et
al., arXiv:1512.00567, 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected
from graphflow.contrib.layers.normalization import batch_norm
from graphflow.contrib.layers.regularizers import l2_regularizer, variance_scaling_initializer
from graphflow.contrib.layers.shaping import avg_pool2d, max_pool2d
from graphflow.contrib.slim.nets.parts import narrow, window_of
from graphflow.graph.collections import GraphKeys
from graphflow.ops.activations import relu
from graphflow.ops.joining import concat
from graphflow.ops.variable_scope import variable_scope


@dataclass(frozen=True)
class Table:
    """A network up to its logits.

    Attributes
    ----------
    lines : the layers, see the module.
    names : names of layers that are not after their place, by the path that would be.
    entry_padding : the padding of single layers.
    squeezing, pooled : deviations of the weights of a branch's first 1x1 convolution before
        others, and of one after a pooling; the scope's initializer when None.
    """

    lines: str
    names: Mapping[str, str] = field(default_factory=dict)
    entry_padding: str = "SAME"
    squeezing: float | None = None
    pooled: float | None = None

    def rows(self) -> Iterator[tuple[str, list[list[str]]]]:
        """Names of end points with their branches."""
        for line in self.lines.strip().splitlines():
            name, _, branches = line.partition(":")
            yield name.strip(), [branch.split() for branch in branches.split(";")]

    def build(self, net: Any, final: str, depth: Callable[[int], int], first: Any = None) -> Any:
        """The layers up to an end point, and all of them by name.

        Parameters
        ----------
        depth : gives a number of channels from the table's.
        first : makes the first layer, where that is a special one.

        Raises
        ------
        ValueError : there is no such end point.
        """
        points: dict[str, Any] = {}
        for name, branches in self.rows():
            if first is not None and not points:
                net = first(net, name)
            elif len(branches) == 1:
                net = self._single(net, name, branches[0][0], depth)
            else:
                net = self._mixed(net, name, branches, depth)
            points[name] = net
            if name == final:
                return net, points
        raise ValueError(f"Unknown final endpoint {final}")

    def _single(self, net: Any, name: str, word: str, depth: Callable[[int], int]) -> Any:
        padding = "SAME" if word.endswith("=") else self.entry_padding
        word = word.rstrip("=")
        if word.startswith("max"):
            window, stride = window_of(word.removeprefix("max"))
            return max_pool2d(net, window, stride=stride, padding=padding, scope=name)
        channels, _, rest = word.partition("*")
        window, stride = window_of(rest)
        options: dict[str, Any] = {}
        if self.pooled is not None and window == [1, 1]:
            options["weights_initializer"] = narrow(self.pooled)
        return conv2d(
            net, depth(int(channels)), window, stride=stride, padding=padding, scope=name, **options
        )

    def _mixed(
        self, net: Any, name: str, branches: list[list[str]], depth: Callable[[int], int]
    ) -> Any:
        with (
            arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"),
            variable_scope(name),
        ):
            found = []
            for number, words in enumerate(branches):
                with variable_scope(f"Branch_{number}"):
                    found.append(self._branch(net, f"{name}/Branch_{number}", words, depth))
            return concat(found, 3)

    def _branch(self, net: Any, path: str, words: list[str], depth: Callable[[int], int]) -> Any:
        letters = iter("abcdefgh")
        for number, word in enumerate(words):
            if word[:3] in ("avg", "max"):
                pool, name = (
                    (avg_pool2d, "AvgPool") if word[:3] == "avg" else (max_pool2d, "MaxPool")
                )
                _, stride = window_of(f"3{word[3:]}")
                padding = self._padding(stride)
                scope = f"{name}_{'1a' if stride > 1 else '0' + next(letters)}_3x3"
                net = pool(net, [3, 3], stride=stride, padding=padding, scope=scope)
                continue
            options: dict[str, Any] = {}
            if words[0][:3] in ("avg", "max"):
                if self.pooled is not None:
                    options = {"weights_initializer": narrow(self.pooled)}
            elif number == 0 and len(words) > 1 and self.squeezing is not None:
                options = {"weights_initializer": narrow(self.squeezing)}
            parts = [self._part(net, path, p, letters, depth, options) for p in word.split("+")]
            net = parts[0] if len(parts) == 1 else concat(parts, 3)
        return net

    def _part(
        self, net: Any, path: str, word: str, letters: Iterator[str],
        depth: Callable[[int], int], options: dict[str, Any],
    ) -> Any:  # fmt: skip
        channels, _, rest = word.partition("*")
        window, stride = window_of(rest)
        place = "1a" if stride > 1 else f"0{next(letters)}"
        scope = f"Conv2d_{place}_{window[0]}x{window[1]}"
        scope = self.names.get(f"{path}/{scope}", scope)
        padding = self._padding(stride)
        return conv2d(
            net,
            depth(int(channels)),
            window,
            stride=stride,
            padding=padding,
            scope=scope,
            **options,
        )

    def _padding(self, stride: int) -> str:
        return self.entry_padding if stride > 1 else "SAME"


V1 = Table(
    """
    Conv2d_1a_7x7: 64*7x7/2
    MaxPool_2a_3x3: max3/2
    Conv2d_2b_1x1: 64*1x1
    Conv2d_2c_3x3: 192*3x3
    MaxPool_3a_3x3: max3/2
    Mixed_3b: 64*1x1; 96*1x1 128*3x3; 16*1x1 32*3x3; max 32*1x1
    Mixed_3c: 128*1x1; 128*1x1 192*3x3; 32*1x1 96*3x3; max 64*1x1
    MaxPool_4a_3x3: max3/2
    Mixed_4b: 192*1x1; 96*1x1 208*3x3; 16*1x1 48*3x3; max 64*1x1
    Mixed_4c: 160*1x1; 112*1x1 224*3x3; 24*1x1 64*3x3; max 64*1x1
    Mixed_4d: 128*1x1; 128*1x1 256*3x3; 24*1x1 64*3x3; max 64*1x1
    Mixed_4e: 112*1x1; 144*1x1 288*3x3; 32*1x1 64*3x3; max 64*1x1
    Mixed_4f: 256*1x1; 160*1x1 320*3x3; 32*1x1 128*3x3; max 128*1x1
    MaxPool_5a_2x2: max2/2
    Mixed_5b: 256*1x1; 160*1x1 320*3x3; 32*1x1 128*3x3; max 128*1x1
    Mixed_5c: 384*1x1; 192*1x1 384*3x3; 48*1x1 128*3x3; max 128*1x1
    """,
    names={"Mixed_5b/Branch_2/Conv2d_0b_3x3": "Conv2d_0a_3x3"},
)

V2 = Table(
    """
    Conv2d_1a_7x7: 64*7x7/2
    MaxPool_2a_3x3: max3/2
    Conv2d_2b_1x1: 64*1x1
    Conv2d_2c_3x3: 192*3x3
    MaxPool_3a_3x3: max3/2
    Mixed_3b: 64*1x1; 64*1x1 64*3x3; 64*1x1 96*3x3 96*3x3; avg 32*1x1
    Mixed_3c: 64*1x1; 64*1x1 96*3x3; 64*1x1 96*3x3 96*3x3; avg 64*1x1
    Mixed_4a: 128*1x1 160*3x3/2; 64*1x1 96*3x3 96*3x3/2; max/2
    Mixed_4b: 224*1x1; 64*1x1 96*3x3; 96*1x1 128*3x3 128*3x3; avg 128*1x1
    Mixed_4c: 192*1x1; 96*1x1 128*3x3; 96*1x1 128*3x3 128*3x3; avg 128*1x1
    Mixed_4d: 160*1x1; 128*1x1 160*3x3; 128*1x1 160*3x3 160*3x3; avg 96*1x1
    Mixed_4e: 96*1x1; 128*1x1 192*3x3; 160*1x1 192*3x3 192*3x3; avg 96*1x1
    Mixed_5a: 128*1x1 192*3x3/2; 192*1x1 256*3x3 256*3x3/2; max/2
    Mixed_5b: 352*1x1; 192*1x1 320*3x3; 160*1x1 224*3x3 224*3x3; avg 128*1x1
    Mixed_5c: 352*1x1; 192*1x1 320*3x3; 192*1x1 224*3x3 224*3x3; max 128*1x1
    """,
    squeezing=0.09, pooled=0.1,
)  # fmt: skip

_SQUARE = "64*1x1; 48*1x1 64*5x5; 64*1x1 96*3x3 96*3x3; avg"


def _long(n: int) -> str:
    """The branches of a block with windows of 1x7 and 7x1, `n` channels wide inside."""
    return f"192*1x1; {n}*1x1 {n}*1x7 192*7x1; {n}*1x1 {n}*7x1 {n}*1x7 {n}*7x1 192*1x7; avg 192*1x1"


_WIDE = (
    "320*1x1; 384*1x1 384*1x3+384*3x1; 448*1x1 384*3x3 384*1x3+384*3x1; avg 192*1x1"
)  # fmt: skip

V3 = Table(
    f"""
    Conv2d_1a_3x3: 32*3x3/2
    Conv2d_2a_3x3: 32*3x3
    Conv2d_2b_3x3: 64*3x3=
    MaxPool_3a_3x3: max3/2
    Conv2d_3b_1x1: 80*1x1
    Conv2d_4a_3x3: 192*3x3
    MaxPool_5a_3x3: max3/2
    Mixed_5b: {_SQUARE} 32*1x1
    Mixed_5c: {_SQUARE} 64*1x1
    Mixed_5d: {_SQUARE} 64*1x1
    Mixed_6a: 384*3x3/2; 64*1x1 96*3x3 96*3x3/2; max/2
    Mixed_6b: {_long(128)}
    Mixed_6c: {_long(160)}
    Mixed_6d: {_long(160)}
    Mixed_6e: {_long(192)}
    Mixed_7a: 192*1x1 320*3x3/2; 192*1x1 192*1x7 192*7x1 192*3x3/2; max/2
    Mixed_7b: {_WIDE}
    Mixed_7c: {_WIDE}
    """,
    names={
        "Mixed_5c/Branch_1/Conv2d_0a_1x1": "Conv2d_0b_1x1",
        "Mixed_5c/Branch_1/Conv2d_0b_5x5": "Conv_1_0c_5x5",
        "Mixed_6a/Branch_0/Conv2d_1a_3x3": "Conv2d_1a_1x1",
        "Mixed_6a/Branch_1/Conv2d_1a_3x3": "Conv2d_1a_1x1",
        "Mixed_7b/Branch_1/Conv2d_0c_3x1": "Conv2d_0b_3x1",
    },
    entry_padding="VALID",
)


def inception_arg_scope(
    weight_decay: float, variables: str, decay: float = 0.9997, epsilon: float = 0.001,
    updates_collections: Any = GraphKeys.UPDATE_OPS, normalizes: bool = True, **options: Any,
) -> Any:  # fmt: skip
    """The scope of arguments with which the networks were trained."""
    moving = {"moving_mean": [variables], "moving_variance": [variables]}
    norm = {
        "decay": decay, "epsilon": epsilon, "updates_collections": updates_collections,
        "variables_collections": {"beta": None, "gamma": None, **moving}, **options,
    }  # fmt: skip
    with (
        arg_scope([conv2d, fully_connected], weights_regularizer=l2_regularizer(weight_decay)),
        arg_scope(
            [conv2d], weights_initializer=variance_scaling_initializer(), activation_fn=relu,
            normalizer_fn=batch_norm if normalizes else None,
            normalizer_params=norm if normalizes else {},
        ) as scope,
    ):  # fmt: skip
        return scope
