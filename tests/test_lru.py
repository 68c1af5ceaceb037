"""The cache: kept values, dropped values, and use by threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skae._compiled.training_cache import LRUCache


def test_a_value_is_made_once():
    cache = LRUCache(2)
    assert cache.get("a", object) is cache.get("a", object)


def test_the_least_recently_got_goes():
    cache = LRUCache(2)
    for key in "abac":
        assert cache.get(key, lambda key=key: key.upper()) == key.upper()
    assert len(cache) == 2
    assert [cache.get(key, lambda: "new") for key in "acb"] == ["A", "C", "new"]


def test_several_values_of_a_key_go_with_their_key():
    cache = LRUCache(4, max_keys=2)
    with cache.borrow("a", object), cache.borrow("a", object):
        pass
    cache.get("b", object)
    assert len(cache) == 3
    cache.get("c", object)
    assert len(cache) == 2
    assert [cache.get(key, lambda: "new") for key in "bca"][2] == "new"


def test_a_cleared_cache_is_empty():
    cache = LRUCache(2)
    first = cache.get("a", object)
    cache.clear()
    assert len(cache) == 0
    assert cache.get("a", object) is not first


def test_what_cannot_be_made_is_not_kept():
    cache = LRUCache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: 1) == 1


def test_a_value_may_be_made_with_the_help_of_the_cache_itself():
    cache = LRUCache(2)
    assert cache.get("a", lambda: cache.get("b", lambda: 1) + 1) == 2


def test_threads_get_the_same_value_even_if_both_make_one():
    cache, both_make = LRUCache(2), threading.Barrier(2)

    def make():
        both_make.wait(timeout=10)
        return object()

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: cache.get("a", make), range(2))
    assert one is other


def test_a_value_that_was_given_back_is_lent_again():
    cache = LRUCache(2)
    with cache.borrow("a", object) as first:
        pass
    with cache.borrow("a", object) as second:
        assert second is first
    assert len(cache) == 1


def test_a_value_in_use_is_not_lent_twice():
    cache = LRUCache(2)
    with cache.borrow("a", object) as first, cache.borrow("a", object) as second:
        assert first is not second
    assert len(cache) == 2


def test_what_ends_in_an_error_is_lent_again():
    cache = LRUCache(2)
    with pytest.raises(KeyError), cache.borrow("a", object) as first:
        raise KeyError
    with cache.borrow("a", object) as second:
        assert second is first


def test_the_least_recently_lent_goes():
    cache = LRUCache(2)
    for key in "abac":
        with cache.borrow(key, lambda key=key: [key]) as value:
            assert value == [key]
    assert len(cache) == 2
    found = []
    for key in "acb":
        with cache.borrow(key, lambda: ["new"]) as value:
            found += value
    assert found == ["a", "c", "new"]


def test_threads_never_share_what_they_borrow():
    cache, clashes = LRUCache(4), []

    def use(_):
        with cache.borrow("a", lambda: {"users": 0}) as value:
            value["users"] += 1
            clashes.append(value["users"] != 1)
            value["users"] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(200)))
    assert not any(clashes) and len(clashes) == 200
