"""Amounts of money in words: 十二元五角, twelve dollars and fifty cents."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from callcenter.ivr.numerals import say_decimal, say_number, zh_count
from callcenter.ivr.variables import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class _Currency:
    zh: str
    zh_minor: str | None
    """Empty: tenths and hundredths have names of their own, 角 and 分. None: the fraction is said as a decimal."""
    en: tuple[str, str]
    """One of it, several of it; the same for the minor unit. Without a minor unit the fraction is said as a decimal."""
    en_minor: tuple[str, str] | None


_CURRENCIES: Final = {
    "CNY": _Currency(zh="元", zh_minor="", en=("yuan", "yuan"), en_minor=None),
    "HKD": _Currency(zh="港元", zh_minor="", en=("Hong Kong dollar", "Hong Kong dollars"), en_minor=("cent", "cents")),
    "USD": _Currency(zh="美元", zh_minor="美分", en=("dollar", "dollars"), en_minor=("cent", "cents")),
    "EUR": _Currency(zh="欧元", zh_minor="欧分", en=("euro", "euros"), en_minor=("cent", "cents")),
    "GBP": _Currency(zh="英镑", zh_minor="便士", en=("pound", "pounds"), en_minor=("penny", "pence")),
    "JPY": _Currency(zh="日元", zh_minor=None, en=("yen", "yen"), en_minor=None),
}
CURRENCIES: Final = tuple(_CURRENCIES)
"""Those that have words; the letters of others are spelled out."""

_CENT: Final = Decimal("0.01")


def say_money(money: Money, language: str) -> str:
    """An amount, rounded to hundredths; one that is no number is not said."""
    try:
        amount = money.amount.quantize(_CENT, rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return ""
    if not amount.is_finite():
        return ""
    currency = _CURRENCIES.get(money.currency)
    if currency is None:
        return f"{say_decimal(amount, language)} {' '.join(money.currency)}"
    minus = ("负" if language == "zh" else "minus ") if amount < 0 else ""
    whole, cents = divmod(int(abs(amount) * 100), 100)
    return minus + (_zh(whole, cents, currency) if language == "zh" else _en(whole, cents, currency))


def _zh(whole: int, cents: int, currency: _Currency) -> str:
    if cents and currency.zh_minor is None:
        return say_decimal(whole + Decimal(cents) / 100, "zh") + currency.zh
    said = zh_count(whole) + currency.zh if whole or not cents else ""
    if not cents:
        return said
    if currency.zh_minor:
        return said + zh_count(cents) + currency.zh_minor
    tenths, hundredths = divmod(cents, 10)
    said += zh_count(tenths) + "角" if tenths else "零" if whole else ""
    return said + (zh_count(hundredths) + "分" if hundredths else "")


def _en(whole: int, cents: int, currency: _Currency) -> str:
    if currency.en_minor is None:
        amount = whole + Decimal(cents) / 100
        return f"{say_decimal(amount, 'en')} {currency.en[amount != 1]}"
    parts = [f"{say_number(whole, 'en')} {currency.en[whole != 1]}"] if whole or not cents else []
    if cents:
        parts.append(f"{say_number(cents, 'en')} {currency.en_minor[cents != 1]}")
    return " and ".join(parts)
