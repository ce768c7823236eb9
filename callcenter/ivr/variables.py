"""The variables that prompts and conditions may use: their types, and what they are when nobody knows better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from callcenter.domain.money import Money as Money

Value = str | int | bool | timedelta | date | time | Decimal | Money
"""A datetime is a date too, and an aware one: it is said as the clocks of its own time zone show."""

Variables = Mapping[str, Value]

NO_DAY: Final = date(2000, 1, 1)
NO_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
NO_MONEY: Final = Money(amount=Decimal(0), currency="CNY")

CALLER_VARIABLES: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "ani": "",
        "dnis": "",
        "customer_known": False,
        "customer_verified": False,
        "customer_name": "",
        "customer_class": "",
        "contacted_before": False,
        "last_contact": NO_DAY,
        "open_cases": 0,
        "case_subject": "",
        "case_state": "",
        "language": "",
        "language_known": False,
    }
)
"""What a flow knows of its caller; the interpreter itself keeps the two about the language.

The case is the newest open one; it is told, and `customer_verified` is true, only after a PIN: a calling number
proves nothing.
"""

QUEUE_VARIABLES: Final[Mapping[str, Value]] = MappingProxyType(
    {"position": 1, "expected_wait": timedelta(0), "number": ""}
)
"""What the announcements of a queue know besides."""

_CUSTOMER: Final[Mapping[str, Value]] = MappingProxyType(
    {
        name: CALLER_VARIABLES[name]
        for name in (
            "customer_known",
            "customer_verified",
            "customer_name",
            "customer_class",
            "contacted_before",
            "last_contact",
            "open_cases",
            "case_subject",
            "case_state",
        )
    }
)

LOOKUP_VARIABLES: Final[Mapping[str, Mapping[str, Value]]] = MappingProxyType(
    {
        "caller": _CUSTOMER,
        "customer": _CUSTOMER,
        "case": MappingProxyType(
            {"case_number": "", "case_kind": "", "case_subject": "", "case_state": "", "case_opened": NO_DAY}
        ),
        "order": MappingProxyType(
            {"order_state": "", "order_placed": NO_DAY, "order_due": NO_DAY, "order_total": NO_MONEY}
        ),
        "queue": MappingProxyType(
            {
                "queue_open": False,
                "queue_waiting": 0,
                "queue_position": 1,
                "queue_wait_known": False,
                "queue_wait": timedelta(0),
                "queue_agents": 0,
            }
        ),
    }
)
"""What each kind of lookup may set. Of a queue: the place that the caller would get now, and what he would wait, where
that can be told."""

HOURS_VARIABLES: Final[Mapping[str, Value]] = MappingProxyType({"opens_again": False, "next_opening": NO_MOMENT})
"""What a node of the kind `hours` sets where it is closed: whether it is known when it opens, and when."""

COLLECTED: Final = ""
"""Digits that a flow collects are text: a number typed in may begin with 0."""

KINDS: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "text": "",
        "number": 0,
        "yes_no": False,
        "amount": Decimal(0),
        "money": NO_MONEY,
        "day": NO_DAY,
        "moment": NO_MOMENT,
        "time": time(),
        "duration": timedelta(0),
    }
)
"""The kinds of a flow's own variables, each with the value it has at first."""

TYPE_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        bool: "true or false",
        str: "a text",
        int: "a number",
        timedelta: "a duration",
        date: "a day",
        datetime: "a moment",
        time: "a time of the day",
        Decimal: "an amount",
        Money: "an amount of money",
    }
)
