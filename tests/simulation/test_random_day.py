"""Days at random, with crashes, cut links and lost reports; CALLCENTER_SEEDS says how many (200 when not set)."""

import os

import pytest

from tests.simulation.random_day import run_day

SEEDS = int(os.environ.get("CALLCENTER_SEEDS", "200"))
BATCH = 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_no_caller_is_lost_on_any_day(first: int) -> None:
    crashes = 0
    for seed in range(first, min(first + BATCH, SEEDS)):
        try:
            crashes += run_day(seed).crashes
        except Exception as error:
            raise AssertionError(f"the day of seed {seed} failed: {error}") from error
    assert crashes > 0, "no server crashed: these days prove little"


@pytest.mark.parametrize("seed", [3, 14])
def test_the_same_seed_is_the_same_day(seed: int) -> None:
    once, again = run_day(seed), run_day(seed)
    assert once.ledger.journal == again.ledger.journal
    assert once.commands == again.commands
