"""Between two transactions of a run others who write have their turn."""

import pytest

from callcenter.valuing import PAUSE, PAUSE_SHARE, Turns


def test_nothing_is_waited_for_before_the_first_transaction() -> None:
    assert Turns().wait(1_000.0) == 0.0


def test_after_a_transaction_others_have_a_share_of_its_time() -> None:
    turns = Turns()
    turns.ended(began=99.0, now=100.0)
    assert turns.wait(100.0) == pytest.approx(PAUSE_SHARE)
    assert turns.wait(100.1) == pytest.approx(PAUSE_SHARE - 0.1)


def test_what_was_read_and_judged_meanwhile_counts_as_their_turn() -> None:
    turns = Turns()
    turns.ended(began=99.0, now=100.0)
    assert turns.wait(100.0 + PAUSE_SHARE + 0.001) == 0.0


def test_the_shortest_transaction_gives_a_turn_too() -> None:
    turns = Turns()
    turns.ended(began=100.0, now=100.0)
    assert turns.wait(100.0) == pytest.approx(PAUSE.total_seconds())
