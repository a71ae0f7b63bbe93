"""Discrete-event simulation of a pipeline with bounded queues: throughput, utilisation of the stages, and bottleneck.

It knows nothing of faces. A batch of a training, or a chunk of photos that is packed, goes through the stages in
their order; a stage that has no room ahead of it keeps what it has finished and stops (blocking after service).
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Share of the items that fill the line before anything is counted.
WARM_UP = 0.2


@dataclass(frozen=True)
class Stage:
    """One station of the line.

    Attributes:
        seconds: what an item takes here, or what each one takes, (items,).
        workers: items that are worked on at once.
        queue: items that may wait in front of it.
        holds: what one stage at a time may use: an interpreter, processor cores, the weights of a network.
    """

    name: str
    seconds: float | Sequence[float]
    workers: int = 1
    queue: int = 2
    holds: tuple[str, ...] = ()

    def mean(self) -> float:
        return float(np.mean(self.seconds))

    def takes(self, item: int) -> float:
        return self.seconds if np.isscalar(self.seconds) else float(self.seconds[item])


@dataclass(frozen=True)
class Flow:
    """Result of a simulation in the steady state.

    Attributes:
        per_second: items that leave the line per second.
        busy, blocked, idle: per stage, shares of its workers' time; together 1.
        limit: the stage that limits: the busiest, or the longest of those that hold the busiest thing.
    """

    per_second: float
    busy: dict[str, float]
    blocked: dict[str, float]
    idle: dict[str, float]
    limit: str


def bound(stages: Sequence[Stage]) -> float:
    """Items per second that no schedule can exceed: the slowest stage, or the most used thing that stages hold."""
    loads = [stage.mean() / stage.workers for stage in stages]
    loads += [sum(stage.mean() for stage in stages if thing in stage.holds) for thing in _things(stages)]
    return 1 / max(loads)


def simulate(stages: Sequence[Stage], items: int = 500) -> Flow:
    """Send `items` through `stages`, the first of which never has to wait for one."""
    line = _Line(stages, items)
    line.go_on()
    began = 0.0
    left: list[tuple[float, int]] = []  # when so many items had left the line
    while line.events and line.waiting[0]:
        line.next_event()
        if line.done < WARM_UP * items:
            line.busy[:], line.blocked[:], began = 0, 0, line.now
        elif not left or line.done > left[-1][1]:
            left.append((line.now, line.done))
    if len(left) < 2:
        raise ValueError(f"{items} items are too few to fill the line; pass more.")
    per_second = (left[-1][1] - left[0][1]) / (left[-1][0] - left[0][0])
    spent = (line.now - began) * np.array([stage.workers for stage in stages])
    busy, blocked = line.busy / spent, line.blocked / spent
    names = [stage.name for stage in stages]
    return Flow(
        per_second,
        dict(zip(names, busy.tolist(), strict=True)),
        dict(zip(names, blocked.tolist(), strict=True)),
        dict(zip(names, (1 - busy - blocked).tolist(), strict=True)),
        _limit(stages, busy),
    )


def _limit(stages: Sequence[Stage], busy: np.ndarray) -> str:
    groups = [[place] for place in range(len(stages))]
    for thing in _things(stages):
        groups.append([place for place, stage in enumerate(stages) if thing in stage.holds])
    fullest = max(groups, key=lambda group: (sum(busy[place] for place in group), -len(group)))
    return stages[max(fullest, key=lambda place: busy[place])].name


def _things(stages: Sequence[Stage]) -> list[str]:
    return sorted({thing for stage in stages for thing in stage.holds})


class _Line:
    """The state of a simulation: where every item is, and until when."""

    def __init__(self, stages: Sequence[Stage], items: int) -> None:
        self.stages = stages
        self.waiting = [deque(range(items)), *(deque() for _ in stages[1:])]
        self.finished = [deque() for _ in stages]  # done here, no room ahead
        self.working = np.zeros(len(stages), int)
        self.busy, self.blocked = np.zeros(len(stages)), np.zeros(len(stages))
        self.held: set[str] = set()
        self.events: list[tuple[float, int, int, int]] = []
        self.now, self.done, self.started = 0.0, 0, 0

    def next_event(self) -> None:
        time, _, place, item = heapq.heappop(self.events)
        self.busy += (time - self.now) * self.working
        self.blocked += (time - self.now) * np.array([len(each) for each in self.finished])
        self.now = time
        self.working[place] -= 1
        self.held -= set(self.stages[place].holds)
        self.finished[place].append(item)
        self.go_on()

    def go_on(self) -> None:
        """Hand on and start whatever can be; of those that want the same thing, who is further goes first."""
        places = range(len(self.stages) - 1, -1, -1)
        moved = True
        while moved:
            moved = any([self._hand_on(place) for place in places])
            moved |= any(self._start(place) for place in places)

    def _free(self, place: int) -> int:
        return self.stages[place].workers - int(self.working[place]) - len(self.finished[place])

    def _hand_on(self, place: int) -> bool:
        moved = False
        while self.finished[place]:
            if place + 1 == len(self.stages):
                self.finished[place].popleft()
                self.done += 1
            elif len(self.waiting[place + 1]) < self.stages[place + 1].queue + self._free(place + 1):
                self.waiting[place + 1].append(self.finished[place].popleft())
            else:
                break
            moved = True
        return moved

    def _start(self, place: int) -> bool:
        stage = self.stages[place]
        if not (self.waiting[place] and self._free(place) > 0 and self.held.isdisjoint(stage.holds)):
            return False
        item = self.waiting[place].popleft()
        self.held |= set(stage.holds)
        self.working[place] += 1
        self.started += 1
        heapq.heappush(self.events, (self.now + stage.takes(item), self.started, place, item))
        return True
