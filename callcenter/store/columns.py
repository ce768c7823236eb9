"""Types of columns that behave the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from callcenter.domain.money import PLACES, exact
from callcenter.store.encoding import REPLACEMENT, decode_json, encode_json, without_surrogates

T = TypeVar("T")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC with microseconds."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time: nobody could say later which moment it was."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; the store keeps aware times only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gives back the naive UTC time it was given."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Seconds(TypeDecorator[timedelta]):
    """A duration, kept in seconds."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> float | None:
        """To seconds."""
        return None if value is None else value.total_seconds()

    def process_result_value(self, value: float | None, dialect: Dialect) -> timedelta | None:
        """From seconds."""
        return None if value is None else timedelta(seconds=value)


class Amount(TypeDecorator[Decimal]):
    """An exact decimal, kept as a number of ten-thousandths: SQLite has no decimals, and floats are not exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """To ten-thousandths; refuse what would be rounded."""
        if value is None:
            return None
        kept = value / PLACES
        if kept != kept.to_integral_value():
            raise ValueError(f"{value} has more than four places after the point; the store keeps four")
        return int(kept)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """From ten-thousandths."""
        return None if value is None else exact(value * PLACES)


class PlainText(TypeDecorator[str]):
    """Text that every database takes: U+FFFD stands for NUL and for lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """PostgreSQL has no NUL in text, and a caller's name may have one."""
        return None if value is None else without_surrogates(value).replace("\x00", REPLACEMENT)


class ByteText(TypeDecorator[str]):
    """Text in the order of its UTF-8 bytes, whatever the database's language: what begins alike stands together."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """To UTF-8."""
        return None if value is None else without_surrogates(value).encode()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """From UTF-8."""
        return None if value is None else bytes(value).decode()


class Json(TypeDecorator[T], Generic[T]):
    """A value of `type_` as a JSON document; the engine passes the text on as it is (see database.py).

    None is no document: the column is NULL.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, type_: type[T]) -> None:
        super().__init__()
        self.type_ = type_

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:
        """To text; bytes are JSON already."""
        if value is None:
            return None
        return value.decode() if isinstance(value, bytes) else encode_json(value).decode()

    def process_result_value(self, value: str | bytes | None, dialect: Dialect) -> T | None:
        """From text."""
        return None if value is None else decode_json(value, self.type_)


class RawJson(TypeDecorator[bytes]):
    """A JSON document as bytes, decoded by whoever knows its type."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> str | None:
        """To text."""
        return None if value is None else value.decode()

    def process_result_value(self, value: str | bytes | None, dialect: Dialect) -> bytes | None:
        """From text."""
        return value.encode() if isinstance(value, str) else value
