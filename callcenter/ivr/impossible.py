"""Conditions that can never hold, or always do, given those before them: found by trying values that could differ.

Of each variable as many values are tried as the conditions can tell apart: the constants it may be compared with, their
neighbours, and one that is none of them. A branch with more combinations than `MOST_TRIALS` is not judged, nor is one
that compares by what a trial cannot exhaust (the order of texts, days and amounts).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final

from callcenter.ivr.conditions import Condition
from callcenter.ivr.faults import ConditionError
from callcenter.ivr.variables import CALLER_VARIABLES, LOOKUP_VARIABLES, Value, Variables

MOST_TRIALS: Final = 20_000
NEVER_NEGATIVE: Final = frozenset(
    name
    for table in (CALLER_VARIABLES, *LOOKUP_VARIABLES.values())
    for name, value in table.items()
    if type(value) is int
)
_OTHER: Final = "\x00something else"


def idle_cases(
    conditions: Sequence[Condition], variables: Variables, languages: tuple[str, ...]
) -> Iterator[tuple[int, str]]:
    """The places of conditions that change nothing, each with the reason."""
    pools = _pools(conditions, variables, languages)
    if pools is None or prod(map(len, pools.values())) > MOST_TRIALS:
        return
    reached, met = [False] * len(conditions), [False] * len(conditions)
    alone = [False] * len(conditions)
    for values in product(*pools.values()):
        tried = dict(zip(pools, values, strict=True))
        if "language_known" in tried and "language" in tried and tried["language_known"] != bool(tried["language"]):
            continue
        try:
            answers = [condition.holds(tried) for condition in conditions]
        except ConditionError:
            return
        for index, answer in enumerate(answers):
            alone[index] = alone[index] or answer
        for index, answer in enumerate(answers):
            reached[index] = True
            met[index] = met[index] or answer
            if answer:
                break
    for index, condition in enumerate(conditions):
        if not alone[index]:
            yield index, f"{condition.text!r} can never hold"
        elif not met[index]:
            yield index, f"{condition.text!r} never counts: the conditions before it hold whenever it does"


def _pools(
    conditions: Sequence[Condition], variables: Variables, languages: tuple[str, ...]
) -> Mapping[str, Sequence[Value]] | None:
    names = sorted(frozenset().union(*(condition.names for condition in conditions)))
    parts = [part for condition in conditions for part in ast.walk(condition.tree)]
    if not all(_can_be_tried(part, variables) for part in parts if isinstance(part, ast.Compare)):
        return None
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    texts = sorted({constant for constant in constants if isinstance(constant, str)})
    numbers = {constant for constant in constants if type(constant) is int} | {0}
    near = {
        sign * number + step for number in numbers for sign in (1, -1) for step in range(-len(names), len(names) + 1)
    }
    pools: dict[str, Sequence[Value]] = {}
    for name in names:
        match variables.get(name):
            case bool():
                pools[name] = (False, True)
            case int():
                pools[name] = [number for number in sorted(near) if number >= 0 or name not in NEVER_NEGATIVE]
            case str() if name == "language":
                pools[name] = ("", *languages)
            case str():
                pools[name] = ("", *texts, "".join(texts), _OTHER)
            case _:
                return None
    return pools


def _can_be_tried(comparison: ast.Compare, variables: Variables) -> bool:
    if any(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in comparison.ops):
        return _is_of_numbers(comparison, variables)
    # Text within the text of a variable: what a trial would have to hold is more than one word.
    within = any(isinstance(operator, ast.In | ast.NotIn) for operator in comparison.ops)
    return not (within and any(isinstance(side, ast.Name) for side in comparison.comparators))


def _is_of_numbers(comparison: ast.Compare, variables: Variables) -> bool:
    for side in (comparison.left, *comparison.comparators):
        match side:
            case ast.Constant(value=int()) | ast.UnaryOp(op=ast.USub()):
                pass
            case ast.Name(id=name) if type(variables.get(name)) is int:
                pass
            case _:
                return False
    return True
