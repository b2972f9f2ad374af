"""The order of the rewriting passes.

Canonicalising comes first, so that the other rules see few forms; stabilising before specialising,
because a stable form is looked for in terms of exp, log and sums, which specialising may take
apart.
"""

from __future__ import annotations

from functools import cache

from graphflow import config, observe
from graphflow.ir.node import Program
from graphflow.ir.verifier import verify_program
from graphflow.rewrite.driver import RuleSet, apply_rules
from graphflow.rewrite.first_values import drop_first_values
from graphflow.rewrite.narrowing import narrow_products
from graphflow.rewrite.regions import has_regions, rewrite_regions
from graphflow.rewrite.rule import PHASES, RULES
from graphflow.rewrite.rules import (  # noqa: F401  # they register their rules
    algebra,
    indexing,
    inverses,
    layout,
    logarithms,
    logic,
    logistic,
    products,
    quotients,
    reductions,
    signs,
    stability,
)


def rewrite_program(program: Program, level: int) -> Program:
    """Apply all passes; at level 0 none."""
    if level == 0:
        return program
    program = _apply_phases(program)
    if has_regions(program):
        program = rewrite_regions(program, lambda region: _rewrite_region(region, level))
        observe.note("pass", "loops and branches", program)
        program = _apply_phases(program)
    program = narrow_products(program)
    observe.note("pass", "narrowed products", program)
    if has_regions(program):
        program = drop_first_values(program)
        observe.note("pass", "first values", program)
    return program


def _rewrite_region(region: Program, level: int) -> Program:
    """Apply all passes to a loop's or a branch's Program, between notes of that."""
    observe.note("region", region)
    region = rewrite_program(region, level)
    observe.note("region ends", region)
    return region


@cache
def _rules_of_phases(number: int) -> RuleSet:
    """The rules of the first phases; those that came first go on, as others open the way."""
    return RuleSet(r for r in RULES if r.phase in PHASES[:number])


def _apply_phases(program: Program) -> Program:
    for number in range(1, len(PHASES) + 1):
        program, _ = apply_rules(program, _rules_of_phases(number))
        observe.note("pass", PHASES[number - 1], program)
        if config.verify:
            verify_program(program, PHASES[number - 1])
    return program
