"""For every test: no test of ours asserts a wall-clock time, so hypothesis does not either.

The files that take longest are begun first, so that no worker is busy with one of them when the others have done.
"""

import pytest
from hypothesis import settings

settings.register_profile("callcenter", deadline=None)
settings.load_profile("callcenter")

LONGEST_FIRST = (
    # End to end, by seconds of a worker.
    "test_ivr",
    "test_waiting",
    "test_messages",
    "test_command_line",
    "test_browser",
    "test_self_service",
    "test_first_call",
    "test_survey",
    "test_callbacks",
    "test_business_config",
    "test_flows",
    "test_overflow",
    "test_routing",
    "test_monitoring",
    "test_transfers",
    # Adapters.
    "test_caller_treatment",
    "test_web_bad_input",
    "test_store_journal",
    "test_callback_calls",
    "test_monitor_lines",
    "test_web_live",
)
_PLACES = {name: place for place, name in enumerate(LONGEST_FIRST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole files change places; within a file the order stays."""
    items.sort(key=lambda item: _PLACES.get(item.path.stem, len(_PLACES)))
