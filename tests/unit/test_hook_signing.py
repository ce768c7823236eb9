"""Web hooks: the signature of Standard Webhooks, the times of retries, and which addresses are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.app.hooks import JITTER, RETRIES, HookInput, check_hook, new_secret, next_try, signature
from callcenter.domain.errors import InvalidValue
from callcenter.domain.hooks import HookEvent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_signature_is_the_one_of_the_published_example() -> None:
    # The example of the Standard Webhooks specification's libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_written_as_the_standard_does() -> None:
    secret = new_secret(b"\x00" * 32)
    assert secret.startswith("whsec_")
    assert signature(secret, "msg_1", NOON, b"{}") != signature(new_secret(b"\x01" * 32), "msg_1", NOON, b"{}")


def test_it_is_tried_for_a_day_and_then_given_up() -> None:
    total = sum(RETRIES, timedelta())
    assert timedelta(hours=20) < total < timedelta(hours=28)
    assert next_try(len(RETRIES), NOON, 0.5) == NOON + RETRIES[-1]
    assert next_try(len(RETRIES) + 1, NOON, 0.5) is None


@given(st.integers(1, len(RETRIES)), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_spread_around_what_is_meant(tries: int, chance: float) -> None:
    again = next_try(tries, NOON, chance)
    assert again is not None
    assert abs((again - NOON) / RETRIES[tries - 1] - 1) <= JITTER + 1e-6


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/x",
        "example.org",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org/a b",
        "https://example.org/\n",
        "javascript:alert(1)",
        "https://example.org/" + "x" * 2_000,
    ],
)
def test_an_address_nothing_can_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_hook(HookInput(url=url, events=(HookEvent.CASE_DUE,)))
    assert refused.value.code == "invalid_url"


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://10.0.0.1:8080/hook?key=1", "https://[2001:db8::1]:8443/x", "https://a.b/?q"]
)
def test_other_addresses_are_taken(url: str) -> None:
    check_hook(HookInput(url=url, events=(HookEvent.CASE_DUE,)))


def test_a_hook_of_no_events_is_refused() -> None:
    with pytest.raises(InvalidValue):
        check_hook(HookInput(url="https://example.org", events=()))
