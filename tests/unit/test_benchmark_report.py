"""What `benchmarks/customer_store.py --json` prints are the figures that are asked for, by their names."""

from benchmarks.customer_store import Measured, missed, report
from benchmarks.figures import Figures


def measured(customers: int, database: str, milliseconds: float) -> Measured:
    figures = Figures.of([milliseconds])
    return Measured(
        customers=customers,
        database=database,
        load_seconds=1.0,
        lookup=figures,
        bare=figures,
        pop=figures,
        search=figures,
        not_found=0,
    )


def test_the_names_are_those_that_are_asked_for_and_no_others() -> None:
    told = report([measured(10, "sqlite", 0.5), measured(20, "sqlite", 0.7), measured(20, "postgresql", 0.9)], [], [])
    assert told == {
        "lookup": [
            {"customers": 10, "database": "sqlite", "p50_ms": 0.5, "p99_ms": 0.5},
            {"customers": 20, "database": "sqlite", "p50_ms": 0.7, "p99_ms": 0.7},
            {"customers": 20, "database": "postgresql", "p50_ms": 0.9, "p99_ms": 0.9},
        ],
        "pop_p99_ms": 0.7,
        "search_p99_ms": 0.7,
        "import_rows_per_second": None,
        "value_models_seconds": None,
    }


def test_what_was_missed_is_named() -> None:
    assert missed([measured(10, "sqlite", 0.9)], [], []) == []
    assert missed([measured(10, "sqlite", 1.5)], [], []) == ["lookup p99 1.50 ms at 10 on sqlite, wanted 1"]
