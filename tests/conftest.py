"""For every test: no test of ours asserts a wall-clock time, so hypothesis does not either.

The files that take longest are begun first, so that no worker is busy with one of them when the others have done.
"""

import pytest
from hypothesis import settings

settings.register_profile("callcenter", deadline=None)
settings.load_profile("callcenter")

LONGEST_FIRST = (
    # With calls, by seconds of a worker; two with browsers do not begin together.
    "test_pages",
    "test_waiting",
    "test_lost_phone",
    "test_ivr",
    "test_day",
    "test_caller_treatment",
    "test_command_line",
    "test_browser",
    "test_self_service",
    "test_messages",
    "test_callbacks",
    "test_transfers",
    "test_callback_calls",
    "test_survey",
    "test_overflow",
    "test_first_call",
    "test_browser_messages",
    "test_flows",
    "test_routing",
    "test_monitor_lines",
    "test_dialplan",
    "test_faults",
    "test_browser_customers",
    "test_monitoring",
    # Other adapters.
    "test_web_bad_input",
    "test_store_journal",
    "test_web_live",
    "test_hook_delivery",
    "test_web_rest",
)
_PLACES = {name: place for place, name in enumerate(LONGEST_FIRST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole files change places; within a file the order stays."""
    items.sort(key=lambda item: _PLACES.get(item.path.stem, len(_PLACES)))
