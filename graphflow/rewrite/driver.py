"""The driver: applies rules to a Program, bottom up, each node until none of its rules fires.

Operands are rewritten before their users, and a replacement's own new nodes are rewritten as well,
so one sweep reaches a fixpoint of the rule set; the work is linear in the nodes met. Names and
source lines follow a node to what replaces it. Rules that undo each other are found by their count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from graphflow import observe
from graphflow.errors import CompilerError
from graphflow.ir.builder import Builder
from graphflow.ir.node import Node, Program, SourceTable
from graphflow.rewrite.rule import Rule

FIRINGS_PER_NODE = 64
KEPT_OPERANDS = 5  # of longer lists of operands there are too many to keep what was found


class RuleSet:
    """Rules by the nodes that they may change; what was looked up once is kept."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.by_root: dict[str, list[Rule]] = {}
        self.by_operands: dict[tuple[str, ...], list[Rule]] = {}
        for item in rules:
            for root in item.roots:
                self.by_root.setdefault(root, []).append(item)

    def candidates(self, node: Node) -> list[Rule]:
        """The rules for nodes of its primitive over operands made by these primitives."""
        key = (node.prim.name, *[i.prim.name for i in node.inputs])
        found = self.by_operands.get(key)
        if found is None:
            found = [r for r in self.by_root.get(key[0], ()) if r.may_fire(key[1:])]
            if len(key) <= KEPT_OPERANDS:
                self.by_operands[key] = found
        return found


class Rewriter:
    """Applies one set of rules; `fired` counts how often each did something."""

    def __init__(self, rules: RuleSet, sources: SourceTable) -> None:
        self.builder = Builder()
        self.sources = sources
        self.final: dict[Node, Node] = {}
        self.fired: Counter[str] = Counter()
        self.rules = rules

    def rewrite(self, root: Node) -> Node:
        """The final form of a node and of everything under it."""
        stack: list[tuple[Node, Node]] = [(root, root)]  # (original, form to bring to its end)
        final = self.final
        while stack:
            original, form = stack[-1]
            if original in final:
                stack.pop()
                continue
            waiting = [i for i in form.inputs if i not in final]
            if waiting:
                stack.extend((i, i) for i in waiting)
                continue
            remade = self.remake(form)
            if remade is not form and remade is not original and remade not in final:
                stack[-1] = (original, remade)
                continue
            stack.pop()
            if remade in final:
                self.finish(original, final[remade])
                continue
            better = self.improve(remade)
            if better is None:
                self.finish(remade, remade)
                self.finish(original, remade)
            elif better in final:
                self.finish(original, final[better])
            else:
                stack.append((original, better))
        return final[root]

    def finish(self, original: Node, form: Node) -> None:
        self.final[original] = form
        if form is not original:
            self.sources.carry(original, form)

    def remake(self, node: Node) -> Node:
        """The node over its operands' final forms."""
        operands = tuple(self.final[i] for i in node.inputs)
        if operands == node.inputs:
            return node
        return remake(self.builder, node, operands)

    def improve(self, node: Node) -> Node | None:
        """What the first rule that fires gives; None when none does."""
        for item in self.rules.candidates(node):
            better = item.function(self.builder, node)
            if better is None or better is node:
                continue
            if better.type != node.type:
                raise CompilerError(f"rule {item.name} turned {node!r} into {better!r}")
            self.fired[item.name] += 1
            if observe.listeners:
                observe.note("rule", item.name, node, better)
            if self.fired[item.name] > FIRINGS_PER_NODE * (len(self.final) + 16):
                raise CompilerError(f"rule {item.name} fires without end at {node!r}")
            return better
        return None


def remake(b: Builder, node: Node, operands: tuple[Node, ...]) -> Node:
    """The same operation on other operands, normalised as if it were built anew."""
    op, attrs = node.op, node.attrs
    if node.prim.kind == "pointwise":
        if any(i.prim.name != "broadcast" or i.inputs[0].rank for i in operands):
            return b.make(op, *operands, **attrs)  # they have one shape already
        return b.pointwise(op, *operands, **attrs)
    if op == "broadcast":
        return b.broadcast(operands[0], attrs["shape"], attrs["axes"])
    if op == "reshape":
        return b.reshape(operands[0], attrs["shape"])
    if op == "transpose":
        return b.transpose(operands[0], attrs["perm"])
    if op == "slice":
        return b.slice(operands[0], attrs["start"], attrs["size"], attrs["stride"])
    if op == "concat":
        return b.concat(operands, attrs["axis"])
    return b.make(op, *operands, **attrs)


def apply_rules(program: Program, rules: RuleSet) -> tuple[Program, Counter[str]]:
    """Rewrite a whole Program; returns it with the count of firings by rule."""
    rewriter = Rewriter(rules, program.sources)
    replaced = {root: rewriter.rewrite(root) for root in dict.fromkeys(program.roots)}
    return program.map(replaced), rewriter.fired
