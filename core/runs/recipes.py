"""Runs grouped by everything but the seed, and the statistics of their metrics over the seeds."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.metrics.headline import HEADLINES
from core.metrics.scoring import Scores
from core.runs.catalogue import list_runs
from core.runs.run import Run


@dataclass(frozen=True)
class Recipe:
    """Runs with the same options and scored faces, one for each of two or more seeds, in the order of the seeds."""

    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """The name of the runs without their number at the end, or the name of the first run if they differ in more."""
        stems = {re.sub(r"[-._]?\d+$", "", run.name) for run in self.runs}
        return stems.pop() if len(stems) == 1 and "" not in stems else self.runs[0].name

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(_seed(run) for run in self.runs)


def group_recipes(runs: Iterable[Run]) -> list[Recipe]:
    """Group runs into recipes, in the order of their first run. Of several runs with one seed, the first counts.

    Runs without a readable configuration, and those whose training was interrupted, are left out.
    """
    groups: dict[str, dict[int, Run]] = {}
    for run in runs:
        key = _run_key(run)
        if key is not None:
            groups.setdefault(key, {}).setdefault(_seed(run), run)
    return [
        Recipe(tuple(group[seed] for seed in sorted(group))) for group in groups.values() if len(group) > 1
    ]


def recipe_of(run: Run) -> Recipe | None:
    """The recipe of a run among the runs of its folder; None if there is no run with another seed."""
    listed = [listing.run for listing in list_runs(run.path.parent) if listing.run]
    return next(
        (recipe for recipe in group_recipes(listed) if run.path in [each.path for each in recipe.runs]),
        None,
    )


def options_key(config: TrainConfig, digests: dict[str, str]) -> str:
    """A text that is equal for configurations that differ in the seed only.

    Args:
        digests: of the files, as core.runs.parent.file_digests.
    """
    options = {name: value for name, value in config.recipe_options().items() if "seed" not in name}
    return json.dumps({**options, **digests}, sort_keys=True)


def seed_statistics(scores: Sequence[Scores]) -> pd.DataFrame:
    """Statistics of each compared headline metric over runs.

    Returns:
        Columns name, runs (that the metric can be computed for), mean, deviation (standard deviation with n - 1; NaN for
        one run), low and high (the range).
    """
    rows = []
    for name, metric in HEADLINES.items():
        if not metric.compared:
            continue
        values = np.array([each.headline[name].value for each in scores], float)
        values = values[np.isfinite(values)]
        rows.append(
            {
                "name": name,
                "runs": len(values),
                "mean": values.mean() if len(values) else np.nan,
                "deviation": values.std(ddof=1) if len(values) > 1 else np.nan,
                "low": values.min() if len(values) else np.nan,
                "high": values.max() if len(values) else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _seed(run: Run) -> int:
    return int(run.info["config"].get("seed", 0))


def _run_key(run: Run) -> str | None:
    """Everything that has to be equal for two runs to differ in the seed only; None if it is not known."""
    data, training, digests = run.info["data"], run.info["training"], run.info.get("digests", {})
    try:
        config = TrainConfig.from_dict(run.info["config"])
    except AffectoscopeError:
        return None
    parts = all(isinstance(part, dict) for part in (data, training, digests))
    if not parts or not isinstance(config.seed, int) or training.get("ended") == "interrupted":
        return None
    split = config.review
    scored = {
        "title": data.get("title"),
        "labels": data.get("labels"),
        "faces": (data.get("counts") or {}).get(split),
        # A split that was drawn here has other faces for another seed.
        "split": None if _named_by_the_data(data, split) else config.seed_of_split,
    }
    return options_key(config, digests) + json.dumps(scored, sort_keys=True)


def _named_by_the_data(data: dict, split: str) -> bool:
    origins = (data.get("origins") or {}).get(split)
    return origins in ([split], ["validation"])
