"""The cores of one machine as a workforce: order, bounds, errors, and who stands in for them."""

import os

import pytest

from core.errors import AffectoscopeError
from core.runtime import executor
from core.runtime.executor import ThisMachine, workforce, working_with


def negated(item):
    return -item, os.getpid()


def refused(item):
    raise AffectoscopeError(f"not {item}")


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_the_order_of_the_items(count):
    results, processes = zip(*ThisMachine().map(negated, range(50), workers=count), strict=True)
    assert list(results) == [-item for item in range(50)]
    assert (os.getpid() in processes) == (count == 1)


def test_items_are_taken_as_they_are_needed(monkeypatch):
    monkeypatch.setattr(executor, "AHEAD", 2)
    taken = []
    items = (taken.append(item) or item for item in range(1000))
    results = ThisMachine().map(negated, items, workers=2)
    next(results)
    assert len(taken) <= 2 * 2 + 1
    results.close()


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_work_raises_is_raised(count):
    with pytest.raises(AffectoscopeError, match="not 7"):
        list(ThisMachine().map(refused, [7], workers=count))


def test_something_large_is_loaded_before_the_first_item_is_taken():
    def fails():
        raise AffectoscopeError("no such network")

    with pytest.raises(AffectoscopeError, match="no such network"):
        ThisMachine().stream(fails, iter([1]), grain=1)
    assert list(ThisMachine().stream(lambda: lambda items: map(str, items), [1, 2], grain=1)) == ["1", "2"]


def test_another_workforce_stands_in_while_it_lasts():
    other = ThisMachine()
    with pytest.raises(RuntimeError), working_with(other):
        assert workforce() is other
        raise RuntimeError
    assert workforce() is not other
