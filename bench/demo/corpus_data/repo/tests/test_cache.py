import pytest

from depot.cache import QuoteCache


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return QuoteCache(3, 60, clock)


def test_a_quote_is_served_until_it_expires(cache, clock):
    cache.put("a", 1)
    clock.now = 59.9
    assert cache.get("a") == 1
    clock.now = 60
    assert cache.get("a") is None
    assert len(cache) == 0


def test_own_lifetime_of_a_quote(cache, clock):
    cache.put("a", 1, ttl=5)
    cache.put("b", 2, ttl=0)
    clock.now = 4
    assert cache.get("a") == 1
    assert cache.get("b") is None
    clock.now = 6
    assert cache.get("a") is None


def test_the_oldest_goes_when_full(cache):
    for key in "abcd":
        cache.put(key, key)
    assert [cache.get(key) for key in "abcd"] == [None, "b", "c", "d"]
    assert len(cache) == 3


def test_use_keeps_a_quote(cache):
    for key in "abc":
        cache.put(key, key)
    cache.get("a")
    cache.put("d", "d")
    assert cache.get("a") == "a"
    assert cache.get("b") is None


def test_putting_again_keeps_a_quote_and_renews_it(cache, clock):
    for key in "abc":
        cache.put(key, key)
    clock.now = 30
    cache.put("a", "new")
    assert len(cache) == 3
    cache.put("d", "d")
    assert cache.get("b") is None
    clock.now = 80
    assert cache.get("a") == "new"
    assert cache.get("c") is None


def test_expired_quotes_make_room_first(cache, clock):
    cache.put("a", 1)
    cache.put("b", 2, ttl=5)
    cache.put("c", 3)
    clock.now = 10
    cache.put("d", 4)
    assert [cache.get(key) for key in "abcd"] == [1, None, 3, 4]


def test_fetch_loads_once(cache):
    loaded = []

    def load():
        loaded.append(1)
        return 7

    assert [cache.fetch("a", load), cache.fetch("a", load)] == [7, 7]
    assert loaded == [1]


def test_fetch_does_not_keep_nothing(cache):
    assert cache.fetch("a", lambda: None) is None
    assert len(cache) == 0


def test_hit_rate(cache, clock):
    assert cache.hit_rate() == 0
    cache.put("a", 1)
    cache.get("a")
    cache.get("a")
    cache.get("b")
    clock.now = 60
    cache.get("a")
    assert cache.hit_rate() == 0.5


def test_size_is_positive(clock):
    with pytest.raises(ValueError):
        QuoteCache(0, 60, clock)
