"""The cores of one machine as an executor: order, bounds, errors, and who stands in for them."""

import os

import pytest

from core.errors import AffectoscopeError
from core.runtime.executor import LocalExecutor, executor, use_executor


def negated(item):
    return -item, os.getpid()


def refused(item):
    raise AffectoscopeError(f"not {item}")


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_the_order_of_the_items(count):
    results, processes = zip(*LocalExecutor().map(negated, range(50), workers=count), strict=True)
    assert list(results) == [-item for item in range(50)]
    assert (os.getpid() in processes) == (count == 1)


def test_items_are_taken_as_they_are_needed(monkeypatch):
    monkeypatch.setattr("core.runtime.executor.PREFETCH", 2)
    taken = []
    items = (taken.append(item) or item for item in range(1000))
    results = LocalExecutor().map(negated, items, workers=2)
    next(results)
    assert len(taken) <= 2 * 2 + 1
    results.close()


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_work_raises_is_raised(count):
    with pytest.raises(AffectoscopeError, match="not 7"):
        list(LocalExecutor().map(refused, [7], workers=count))


def test_something_large_is_loaded_before_the_first_item_is_taken():
    def fails():
        raise AffectoscopeError("no such network")

    with pytest.raises(AffectoscopeError, match="no such network"):
        LocalExecutor().stream(fails, iter([1]), chunk_size=1)
    assert list(LocalExecutor().stream(lambda: lambda items: map(str, items), [1, 2], chunk_size=1)) == [
        "1",
        "2",
    ]


def test_another_workforce_stands_in_while_it_lasts():
    other = LocalExecutor()
    with pytest.raises(RuntimeError), use_executor(other):
        assert executor() is other
        raise RuntimeError
    assert executor() is not other
