"""The one place that asks the machine what time it is."""

from datetime import UTC, datetime


class SystemClock:
    """The one place that asks the machine what time it is."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)
