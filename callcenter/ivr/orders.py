"""What nodes ask of the world outside, and what they make of the answers: nothing of a wrong kind gets into a flow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote

from callcenter.ivr.conditions import HIGHEST_RECKONED
from callcenter.ivr.messages import Answered, Fetch, Fetched, Found, LookUp, Order
from callcenter.ivr.nodes import Extract, HttpNode, LookupNode, OrderNode
from callcenter.ivr.prompts import PLACEHOLDER
from callcenter.ivr.variables import LOOKUP_VARIABLES, Money, Value, Variables

LOOKUP_LIMIT: Final = timedelta(milliseconds=1_500)
ANSWER_MAX_BYTES: Final = 64 * 1024
TEXT_MAX_CHARACTERS: Final = 200

Json = str | int | Decimal | bool | None | list["Json"] | dict[str, "Json"]


class BadAnswer(ValueError):
    """An answer that cannot be used; the message names fields, never values."""


def order_of(node: OrderNode, order_id: int, variables: Variables, secrets: Mapping[str, str]) -> Order:
    """What a node asks for."""
    match node:
        case LookupNode():
            return LookUp(
                order_id=order_id,
                of=node.of,
                number=str(variables.get(node.number, "")) if node.number is not None else "",
                pin=secrets.get(node.pin, "") if node.pin is not None else None,
                queue=node.queue,
                limit=LOOKUP_LIMIT,
            )
        case HttpNode():
            url = PLACEHOLDER.sub(lambda found: quote(_written(variables.get(found[1], "")), safe=""), node.url)
            sent = {name: _written(variables.get(variable, "")) for name, variable in (node.send or {}).items()}
            return Fetch(
                order_id=order_id,
                url=url,
                body=json.dumps(sent, ensure_ascii=False) if node.send is not None else None,
                limit=node.limit,
                max_bytes=ANSWER_MAX_BYTES,
            )


def values_of(node: OrderNode, answer: Answered | Fetched) -> tuple[Found, dict[str, Value]]:
    """How it ended, and the variables that it sets; raises `BadAnswer`."""
    match node, answer:
        case LookupNode(), Answered(found=Found.FOUND):
            usual = LOOKUP_VARIABLES[node.of]
            for name, value in answer.values.items():
                if name not in usual or type(value) is not type(usual[name]):
                    raise BadAnswer(f"the answer has a {name!r} of type {type(value).__name__}")
            # What was not told is not known: nothing of an earlier answer may be said for it.
            return Found.FOUND, {**usual, **answer.values}
        case HttpNode(), Fetched(status=404):
            return Found.MISSING, {}
        case HttpNode(), Fetched(status=status):
            if not 200 <= status <= 299:
                raise BadAnswer(f"the service answered with status {status}")
            return Found.FOUND, _extracted(node, answer.body)
        case _, Answered(found=Found.MISSING):
            return Found.MISSING, {}
        case _:
            return Found.FAILED, {}


def _written(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(int(value.total_seconds()))
        case Money():
            return str(value.amount)
        case _:
            return str(value)


def _extracted(node: HttpNode, body: str) -> dict[str, Value]:
    if len(body.encode()) > ANSWER_MAX_BYTES:
        raise BadAnswer(f"the answer has more than {ANSWER_MAX_BYTES} bytes")
    try:
        answer: Json = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise BadAnswer("the answer is no JSON") from error
    found: dict[str, Value] = {}
    for name, extract in node.into.items():
        try:
            found[name] = _value(_at(answer, extract.path), extract)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise BadAnswer(f"the answer has no {extract.kind} at {'.'.join(extract.path)}") from error
    return found


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no JSON")


def _at(answer: Json, path: tuple[str, ...]) -> Json:
    for step in path:
        match answer:
            case dict() if step in answer:
                answer = answer[step]
            case list() if step.isdecimal() and int(step) < len(answer):
                answer = answer[int(step)]
            case _:
                raise ValueError("there is nothing")
    return answer


def _value(found: Json, extract: Extract) -> Value:
    match extract.kind, found:
        case "text", (str() | int() | Decimal()) if not isinstance(found, bool):
            return str(found)[:TEXT_MAX_CHARACTERS]
        case "yes_no", bool():
            return found
        case "number", int() if not isinstance(found, bool) and abs(found) <= HIGHEST_RECKONED:
            return found
        case "amount", _:
            return _amount(found)
        case "money", _:
            return Money(amount=_amount(found), currency=extract.currency)
        case "duration", _:
            return timedelta(seconds=int(_amount(found)))
        case "day", str():
            return date.fromisoformat(found)
        case "time", str():
            return time.fromisoformat(found).replace(tzinfo=None)
        case "moment", str():
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                raise ValueError("it says no time zone")
            return moment
        case _:
            raise ValueError("it is of another kind")


def _amount(found: Json) -> Decimal:
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise TypeError("it is no number")
    amount = Decimal(found)
    if not amount.is_finite() or abs(amount) > HIGHEST_RECKONED:
        raise ValueError("it is no number that can be said")
    return amount
