"""Conditions of a flow, such as `customer_known and language == "zh"`, and what `set` reckons, such as `tries + 1`.

Names, values and comparisons, plus and minus in what is set, and nothing else.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression

from callcenter.ivr.faults import ConditionError
from callcenter.ivr.variables import TYPE_NAMES, Money, Value, Variables

CONDITION_MAX_CHARACTERS: Final = 300
HIGHEST_RECKONED: Final = 10**12

_ALLOWED: Final = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE,
    ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip
_RECKONING: Final = (*_ALLOWED, ast.BinOp, ast.Add, ast.Sub)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a variable is set to: read and found harmless."""

    text: str
    names: frozenset[str]
    tree: ast.expr = field(repr=False, compare=False)

    def value(self, variables: Variables) -> Value:
        """The value; raises ConditionError when the variables do not fit, or a number grows beyond all measure."""
        evaluator = EvalWithCompoundTypes(operators=DEFAULT_OPERATORS, functions={}, names=dict(variables))
        try:
            value: object = evaluator.eval(self.text, previously_parsed=self.tree)
        except (InvalidExpression, TypeError, ValueError, ArithmeticError) as error:
            raise ConditionError(f"{self.text!r} has no value: {error}") from error
        if not isinstance(value, str | int | timedelta | date | time | Decimal | Money):
            raise ConditionError(f"{self.text!r} gives {type(value).__name__}, which no variable can hold")
        if isinstance(value, int | Decimal) and not -HIGHEST_RECKONED <= value <= HIGHEST_RECKONED:
            raise ConditionError(f"{self.text!r} is more than {HIGHEST_RECKONED}")
        return value

    def types(self, variables: Variables) -> set[type]:
        """What it may be, as far as can be told without running it."""
        return _types(self.tree, variables)


def parse_condition(text: str) -> Condition:
    """Read a condition; raises ConditionError with the reason."""
    tree, names = _parse(text, "condition", _ALLOWED)
    if not names:
        raise ConditionError(f"the condition {text!r} names no variable, so its answer never changes")
    return Condition(text=text, names=names, tree=tree)


def parse_expression(text: str) -> Expression:
    """Read what a variable is to be set to; raises ConditionError with the reason."""
    tree, names = _parse(text, "value", _RECKONING)
    return Expression(text=text, names=names, tree=tree)


def _parse(text: str, what: str, allowed: tuple[type[ast.AST], ...]) -> tuple[ast.expr, frozenset[str]]:
    if len(text) > CONDITION_MAX_CHARACTERS:
        raise ConditionError(f"the {what} has {len(text)} characters, at most {CONDITION_MAX_CHARACTERS} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError(f"the {what} {text!r} cannot be read: {error}") from error
    names = set()
    for part in ast.walk(tree):
        if not isinstance(part, allowed):
            raise ConditionError(f"the {what} {text!r} uses {type(part).__name__}, which a {what} cannot have")
        if isinstance(part, ast.Constant) and not isinstance(part.value, str | int):
            raise ConditionError(f"the {what} {text!r} holds {part.value!r}, which is no text and no whole number")
        if isinstance(part, ast.Name):
            names.add(part.id)
    return tree, frozenset(names)


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
            return {_KIN.get(type(variables[name]), type(variables[name]))}
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return set().union(*(_types(element, variables) for element in elements))
        case ast.UnaryOp(op=ast.Not()) | ast.BoolOp() | ast.Compare():
            return {bool}
        case ast.UnaryOp(op=ast.USub()):
            return {int}
        case ast.BinOp(left=left, right=right):
            # Whole numbers alone are sure to be reckoned with; what else may be is found out when it is run.
            return {int} if _types(left, variables) | _types(right, variables) <= {int} else set()
        case _:
            return set()


_KIN: Final[dict[type, type]] = {Decimal: int}
"""An amount is compared with whole numbers too."""
