"""What the use cases want of the store for the numbers that customers know themselves by, and their PINs.

Law: nobody reads a PIN, and nothing tells why one was not taken.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callcenter.domain.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRecord:
    """A customer number with what is known of its PIN; `failures` are wrong PINs in a row."""

    number: str
    customer_id: CustomerId
    given_at: datetime
    given_by: str
    has_pin: bool = False
    pin_changed_at: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None


class CustomerNumbers(Protocol):
    """Giving, changing and taking back customer numbers; a change is in the customer's history and the audit log.

    Every method raises `NotFound` for a customer who is not there, and for a number that is not his.
    """

    async def numbers_of(self, customer_id: CustomerId) -> tuple[NumberRecord, ...]:
        """His numbers, the oldest first; one of another who was merged into him is his."""
        ...

    async def give(self, customer_id: CustomerId, number: str | None, *, at: datetime, by: str) -> NumberRecord:
        """Give him this number, or a new one; `Conflict` (`customer_number_taken`, `too_many_customer_numbers`)."""
        ...

    async def change(
        self, customer_id: CustomerId, number: str, new_number: str, *, at: datetime, by: str
    ) -> NumberRecord:
        """Make it another number; its PIN stays. `Conflict` (`customer_number_taken`)."""
        ...

    async def take_back(self, customer_id: CustomerId, number: str, *, at: datetime, by: str) -> None:
        """Take the number away, with its PIN."""
        ...

    async def set_pin(
        self, customer_id: CustomerId, number: str, pin: str | None, *, at: datetime, by: str
    ) -> NumberRecord:
        """Set, change or (None) remove the PIN, which ends a lock; `InvalidValue` (`invalid_pin`, `weak_pin`)."""
        ...

    async def unlock(self, customer_id: CustomerId, number: str, *, at: datetime, by: str) -> NumberRecord:
        """Forget the wrong PINs."""
        ...

    async def owner_of(self, number: str) -> CustomerId | None:
        """Whose number it is."""
        ...
