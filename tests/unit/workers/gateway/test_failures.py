"""Which failures of a provider are retried, which end the candidate, and which are the program's own."""

import pytest

from workers.gateway.failures import delay, is_overflow, verdict


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, "", "answer"),
        (429, "Rate limit reached", "retry"),
        (529, "Overloaded", "retry"),
        (500, "", "retry"),
        (408, "", "retry"),
        (429, "You exceeded your current quota", "provider"),
        (400, "Invalid value: 'billing' in messages", "program"),
        (400, "messages: Your credit balance is too low", "program"),
        (400, "Your credit balance is too low to access the API", "provider"),
        (401, "invalid x-api-key", "provider"),
        (402, "", "provider"),
        (403, "", "provider"),
        (404, "model: no-such-model", "provider"),
        (400, "prompt is too long: 250000 tokens > 200000 maximum", "program"),
        (413, "", "program"),
        (422, "", "program"),
    ],
)
def test_the_meaning_of_a_status(status: int, body: str, meaning: str) -> None:
    assert verdict(status, body) == meaning


def test_another_model_that_is_missing_is_no_failure_of_the_provider() -> None:
    assert verdict(404, "model: helper", is_own_model=False) == "program"
    assert verdict(403, "", is_own_model=False) == "program"
    assert verdict(401, "", is_own_model=False) == "provider"


def test_an_overflow_is_known_by_its_words() -> None:
    assert is_overflow(400, "Your input exceeds the context window of this model")
    assert is_overflow(413, "")
    assert not is_overflow(400, "tools: field required")


def test_the_provider_names_the_pause_before_all() -> None:
    assert delay(1, {"retry-after": "7"}, 0.0) == 7
    assert delay(1, {"retry-after": "0"}, 0.0) == 0.25
    assert delay(1, {"retry-after-ms": "250", "retry-after": "7"}, 0.0) == 0.25
    assert delay(1, {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 20.0) == 40


def test_backoff_grows_to_its_ceiling() -> None:
    assert 0.5 <= delay(1, {}, 0.0) <= 1
    assert 15 <= delay(30, {"retry-after": "rubbish"}, 0.0) <= 30
