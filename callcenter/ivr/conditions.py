"""Conditions of a flow, such as `customer_known and language == "zh"`: names, values, comparisons and nothing else."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression

from callcenter.ivr.faults import ConditionError
from callcenter.ivr.variables import TYPE_NAMES, Variables

CONDITION_MAX_CHARACTERS: Final = 300

_ALLOWED: Final = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE,
    ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that was read and found harmless."""

    text: str
    names: frozenset[str]
    tree: ast.expr = field(repr=False, compare=False)

    def holds(self, variables: Variables) -> bool:
        """The answer; raises ConditionError when the variables do not fit, say a text compared by `<`."""
        evaluator = EvalWithCompoundTypes(operators=DEFAULT_OPERATORS, functions={}, names=dict(variables))
        try:
            return bool(evaluator.eval(self.text, previously_parsed=self.tree))
        except (InvalidExpression, TypeError, ValueError) as error:
            raise ConditionError(f"the condition {self.text!r} has no answer: {error}") from error


def parse_condition(text: str) -> Condition:
    """Read a condition; raises ConditionError with the reason."""
    if len(text) > CONDITION_MAX_CHARACTERS:
        raise ConditionError(f"the condition has {len(text)} characters, at most {CONDITION_MAX_CHARACTERS} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError(f"the condition {text!r} cannot be read: {error}") from error
    names = set()
    for part in ast.walk(tree):
        if not isinstance(part, _ALLOWED):
            raise ConditionError(f"the condition {text!r} uses {type(part).__name__}, which conditions do not have")
        if isinstance(part, ast.Constant) and not isinstance(part.value, str | int):
            raise ConditionError(f"the condition {text!r} holds {part.value!r}, which is no text and no whole number")
        if isinstance(part, ast.Name):
            names.add(part.id)
    if not names:
        raise ConditionError(f"the condition {text!r} names no variable, so its answer never changes")
    return Condition(text=text, names=frozenset(names), tree=tree)


def impossible_comparison(condition: Condition, variables: Variables) -> str | None:
    """What compares a variable with something it can never be, or None; `variables` give the types."""
    for part in ast.walk(condition.tree):
        if not isinstance(part, ast.Compare):
            continue
        sides = [part.left, *part.comparators]
        for left, operator, right in zip(sides, part.ops, sides[1:], strict=False):
            ordered = isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            lefts = _types(left, variables)
            rights = _types(right, variables)
            if not isinstance(operator, ast.In | ast.NotIn):
                mismatch = bool(lefts and rights and not lefts & rights) or (ordered and bool in lefts | rights)
            else:
                mismatch = isinstance(right, ast.List | ast.Tuple) and bool(rights and lefts and not lefts & rights)
                mismatch = mismatch or (not isinstance(right, ast.List | ast.Tuple) and rights != {str})
            if mismatch:
                is_a = " and ".join(sorted(TYPE_NAMES[kind] for kind in lefts)) or "the left side"
                return f"{ast.unparse(part)!r} can never be answered with yes: {ast.unparse(left)} is {is_a}"
    return None


def _types(side: ast.expr, variables: Variables) -> set[type]:
    match side:
        case ast.Constant(value=value):
            return {type(value)}
        case ast.Name(id=name) if name in variables:
            return {type(variables[name])}
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return set().union(*(_types(element, variables) for element in elements))
        case ast.UnaryOp(op=ast.Not()) | ast.BoolOp() | ast.Compare():
            return {bool}
        case _:
            return set()
