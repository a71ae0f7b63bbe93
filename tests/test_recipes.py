"""Recipes: several seeds as one result, trained by --seeds, on the pages and in the report."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.network import fit
from core.options import parse_train_options
from core.report.card import model_card
from core.report.review import compute_review
from core.report.score_tables import over_seeds
from core.runs.catalogue import open_run
from core.runs.recipes import group_recipes, recipe_of, seed_statistics
from core.runtime.files import write_json
from core.train import train_seeds
from tests.made_runs import make_run
from tests.pages import problems, text_of
from tests.trained import tiny_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three seeds of one recipe, one with another option, other data, an interrupted one, and a split drawn by the seed."""
    folder = tmp_path_factory.mktemp("recipes")

    def add(name: str, seed: int, *, origins=("test",), ended="finished", digests=None, faces=80, **options):
        make_run(folder, name, faces=faces, resamples=0, network_seed=seed, seed=7)
        path = folder / name / "run.json"
        info = json.loads(path.read_text())
        info["config"] = TrainConfig(seed=seed, **options).as_dict()
        info["data"]["origins"] = {"test": list(origins)}
        info["training"]["ended"] = ended
        write_json(path, info | ({"digests": digests} if digests else {}))

    for seed in (3, 4, 5):
        add(f"plain-{seed - 2}", seed, split_seed=3)
    add("wide", 6, filters=(64, 64))
    add("fewer", 7, faces=70)
    add("stopped", 8, ended="interrupted")
    add("child", 9, digests={"start_from_sha256": "0" * 64})
    for seed in (1, 2):
        add(f"drawn-{seed}", seed, origins=("train",), epochs=3)
        add(f"named-{seed}", seed, origins=("validation",), epochs=4)
    return folder


def test_runs_that_differ_in_the_seed_only_are_one_recipe(folder):
    runs = [open_run(path) for path in sorted(folder.iterdir())]
    found = {recipe.name: recipe for recipe in group_recipes(runs)}
    assert set(found) == {"plain", "named"}  # the test faces of drawn-1 and drawn-2 differ
    assert found["plain"].seeds == (3, 4, 5)
    assert [run.name for run in found["plain"].runs] == ["plain-1", "plain-2", "plain-3"]
    assert recipe_of(open_run(folder / "plain-2")).name == "plain"
    assert recipe_of(open_run(folder / "wide")) is None


def test_of_two_runs_with_one_seed_the_first_counts(folder):
    runs = [open_run(folder / name) for name in ("plain-2", "plain-1", "plain-2")]
    (recipe,) = group_recipes(runs)
    assert [run.name for run in recipe.runs] == ["plain-1", "plain-2"]


def test_statistics_by_hand(folder):
    scores = [open_run(folder / f"plain-{number}").scores for number in (1, 2, 3)]
    for each, value in zip(scores, (0.60, 0.66, 0.63), strict=True):
        each.headline["accuracy"] = replace(each.headline["accuracy"], value=value)
    scores[2].headline["m_measure"] = replace(scores[2].headline["m_measure"], value=float("nan"))
    table = seed_statistics(scores).set_index("name")
    row = table.loc["accuracy"]
    assert (row["runs"], row["low"], row["high"]) == (3, 0.60, 0.66)
    assert row["mean"] == pytest.approx(0.63) and row["deviation"] == pytest.approx(0.03)
    assert table.loc["m_measure", "runs"] == 2
    assert {"macro_f1", "expected_calibration_error"} <= set(table.index)
    assert over_seeds(table.reset_index().iloc[0]) == "63.0% ± 3.0 (60.0 to 66.0)"
    one = seed_statistics(scores[:1]).iloc[0]
    assert np.isnan(one["deviation"]) and over_seeds(one) == "60.0% (60.0 to 60.0)"


def test_the_pages_show_recipes_and_lead_to_their_runs(open_page, folder):
    shown = open_page("overview", folder=folder, run="plain-1")
    assert problems(shown) == []
    table = next(each.value for each in shown.dataframe if "seeds" in each.value)
    assert table.set_index("recipe")["seeds"].to_dict() == {"plain": 3, "named": 2}
    assert "[plain-2](?run=plain-2)" in text_of(shown)
    shown = open_page("compare", folder=folder, run="plain-1", against_run="plain-2")
    assert problems(shown) == []
    assert [each.value["recipe"].tolist() for each in shown.dataframe if "seeds" in each.value] == [["plain"]]


def test_a_page_without_recipes_has_no_table_of_them(open_page):
    shown = open_page("overview", run="affect")
    assert not any("seeds" in each.value for each in shown.dataframe)


def test_the_report_has_the_statistics_over_the_seeds(folder):
    card = model_card(compute_review(open_run(folder / "plain-1")))
    scores = [open_run(folder / f"plain-{number}").scores for number in (1, 2, 3)]
    row = seed_statistics(scores).iloc[0]
    assert "plain-1, plain-2, plain-3" in card
    assert f"| Accuracy | {100 * row['mean']:.1f}% | {100 * row['deviation']:.1f}% |" in card
    assert "Other seeds" not in model_card(compute_review(open_run(folder / "wide")))


def test_seeds_train_runs_on_one_split_and_go_on_after_a_kill(drawn_tree, tmp_path, monkeypatch, capsys):
    config = tiny_config(drawn_tree, name="several", epochs=1, seed=4)
    save = fit.TrainingCallback.save

    def save_then_die(self):
        save(self)
        if self.config.seed == 5:
            raise SystemError("killed")

    with monkeypatch.context() as patch, pytest.raises(SystemError):
        patch.setattr(fit.TrainingCallback, "save", save_then_die)
        train_seeds(config, 2, folder=tmp_path)
    assert "--seeds 2 --name several --resume" in capsys.readouterr().out
    model = (tmp_path / "several-1" / "model.keras").stat().st_mtime_ns
    with pytest.raises(AffectoscopeError, match="'several-1' already exists"):
        train_seeds(config, 2, folder=tmp_path)
    with pytest.raises(AffectoscopeError, match="'several-1' was trained with other options"):
        train_seeds(replace(config, batch_size=8, resume=True), 2, folder=tmp_path)
    runs = train_seeds(replace(config, resume=True), 2, folder=tmp_path)
    assert [run.name for run in runs] == ["several-1", "several-2"]
    assert (tmp_path / "several-1" / "model.keras").stat().st_mtime_ns == model
    assert [(run.info["config"]["seed"], run.info["config"]["split_seed"]) for run in runs] == [
        (4, 4),
        (5, 4),
    ]
    first, second = (run.load_model().get_weights() for run in runs)
    assert not np.array_equal(first[0], second[0])
    (recipe,) = group_recipes(runs)
    assert recipe.name == "several" and recipe.seeds == (4, 5)
    printed = capsys.readouterr().out
    assert over_seeds(seed_statistics([run.scores for run in runs]).iloc[0]) in printed
    assert all("several-1, several-2" in open_run(run.path).card for run in runs)
    with pytest.raises(AffectoscopeError, match="No training 'other-1' to 'other-2' found"):
        train_seeds(replace(config, name="other", resume=True), 2, folder=tmp_path)


def test_the_number_of_seeds_is_an_option_of_the_command():
    config, _, seeds = parse_train_options(["--seeds", "5", "--seed", "2"])
    assert (seeds, config.seed) == (5, 2)
    with pytest.raises(AffectoscopeError, match="--seeds 0 is out of range; expected 1 to 100"):
        parse_train_options(["--seeds", "0"])


def test_a_damaged_configuration_is_of_no_recipe(folder, tmp_path):
    make_run(tmp_path, "damaged-1", faces=20, resamples=0)
    path = tmp_path / "damaged-1" / "run.json"
    for broken in (
        {"config": {"preset": "none"}},
        {"config": {"preset": "quick", "seed": "x"}},
        {"training": []},
    ):
        write_json(path, json.loads(path.read_text()) | broken)
        assert group_recipes([open_run(tmp_path / "damaged-1")]) == []
    assert isinstance(seed_statistics([]), pd.DataFrame) and seed_statistics([])["mean"].isna().all()
