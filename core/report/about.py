"""Description of a run: data, training, reproduction."""

import platform
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tomllib import loads

from core.analysis.data_inspection.inspection import recorded_verdict
from core.config import TrainConfig
from core.data.face_table import Ledger
from core.data.readers.spec import DatasetSpec
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.text import listed, number, percent
from core.network.test_time_augmentation import TOLERANCE
from core.options import train_command
from core.report.document import Block, Caution, Commands, Figure, Items, Section, Table, Text
from core.report.figures import training as figures
from core.report.review import Review, data_path
from core.report.score_tables import learning_curves
from core.report.wording import starting_weights
from core.runs.imported_network import ImportedNetwork
from core.runs.imported_predictions import load_import
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS

#: What a report is made with, besides what its run was.
_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "plotly", "jinja2")

#: Splits in the order in which users think of them.
_SPLITS = ("train", "validation", "test", "private_test")


def about_people(run: Run) -> str:
    """Origin of the labels of the run's data."""
    if not run.dataset.shows_people:
        return "Nothing here is data about people, and nothing of it holds for photographs of people."
    return "The truth is what annotators saw in a face, not what a person felt."


def data(review: Review) -> Section:
    """Section with the origin of the faces, counts per expression and rejected rows."""
    about, run = review.run.info["data"], review.run
    ledger = about.get("ledger", {})
    counted = Ledger(ledger.get("read", 0), ledger.get("refused", {}), ledger.get("examples", {}))
    blocks: list[Block] = [
        Text(f"{about['title']}. {about.get('note', '')}".strip(), cited(run)),
        *(
            Text(sentence)
            for sentence in (about_people(run), _published(run.dataset), _inspected(run))
            if sentence
        ),
        _counts(review),
        Text(f"{counted.sentence()}."),
    ]
    blocks.append(Text(_preprocessing(run)))
    blocks.append(
        Text(
            "The images may be passed on."
            if about.get("redistributable")
            else "The images may not be passed on, and none is shown."
        )
    )
    return Section("data", "Data", tuple(blocks), card=True)


def training(review: Review) -> Section:
    """Section with the training and its learning curves, or with the import of the predictions."""
    if not review.run.has_network:
        return _import(review.run)
    info, run = review.run.info, review.run
    if run.imported:
        return _imported(run, run.imported)
    about, place = info["training"], info["environment"]
    parameters, best = info["network"].get("parameters"), about.get("best_epoch")
    seconds = about.get("seconds", {}).get("train")
    parts = [
        f"{parameters:,} parameters" if parameters is not None else "",
        f"preset {info['config'].get('preset', 'not named')}",
        f"{about['epochs']:,} epochs" if about.get("epochs") is not None else "",
        f"ended: {about['ended']}" if about.get("ended") else "",
        f"seed {info['config'].get('seed')}",
        _duration(seconds),
        f"on {place.get('accelerator') or place.get('processor', 'an unnamed processor')}, {place.get('cores', '?')} cores",
        f"{place['backend']} backend" if place.get("backend") else "",
    ]
    blocks: list[Block] = [
        Text(
            f"A convolutional network that names the expression of a cropped face as one of {len(run.labels)} labels: "
            f"{', '.join(run.labels)}."
        ),
        Text(f"{', '.join(part for part in parts if part)}."),
    ]
    if started := starting_weights(run):
        blocks.append(Text(started))
    if review.history is None:
        blocks.append(Text(review.missing["history"].reason))
        return Section("training", "Training", tuple(blocks), card=True)
    history = review.history
    if best is not None and (history["epoch"] == best).any():
        row = history[history["epoch"] == best].iloc[0]
        blocks.append(
            Text(
                f"Epoch {best} had the lowest validation loss and was kept: training accuracy, on augmented faces, "
                f"{percent(row['accuracy'])}, validation accuracy {percent(row['validation_accuracy'])}, validation "
                f"loss {number(row['validation_loss'])}."
            )
        )
    blocks += [_learning(review, measure) for measure in ("loss", "accuracy")]
    if chosen := _augmentation(run):
        blocks.append(Text(chosen, ("ten-crop",)))
    return Section("training", "Training", tuple(blocks), card=True)


def _import(run: Run) -> Section:
    """Section with the origin of imported predictions."""
    report = load_import(run)
    blocks = [
        Text(
            f"Predictions that were made elsewhere were imported, as one of {len(run.labels)} labels: {', '.join(run.labels)}. "
            "How the network was built and trained is not known here."
        ),
        *([Text(report.sentence()), Text(f"SHA-256 of the table: {report.sha256}.")] if report else []),
    ]
    return Section("training", "Origin of the predictions", tuple(blocks), card=True)


def _imported(run: Run, about: ImportedNetwork) -> Section:
    """Section on a network that was trained elsewhere."""
    parameters = run.info["network"].get("parameters")
    size = f"A network of {parameters:,} parameters" if parameters else "A network"
    logits = "logits, to which the softmax is applied" if about.outputs.logits else "probabilities"
    given = run.preprocessing
    blocks: list[Block] = [
        Text(
            f"{size} that names the expression of a cropped face as one of {len(run.labels)} labels: {', '.join(run.labels)}. It was "
            f"imported from {about.file} (SHA-256 {about.sha256}); how, and on which faces, it was trained is not known here."
        ),
        Text(
            f"Input as stated at the import: {about.input.sentence()}, {given.size} × {given.size} pixels, resized with the filter "
            f"{given.resize}. The output '{about.outputs.expression}' gives {logits}."
        ),
    ]
    if about.caution:
        blocks.append(Caution(about.caution))
    return Section("training", "Training", tuple(blocks), card=True)


def reproduction(review: Review) -> Section:
    """The commands that give the run and this report again, and what both were made with."""
    run = review.run
    name, path = shlex.quote(run.name), shlex.quote(data_path(run))
    against = f" --against {shlex.quote(review.comparison.paired.a)}" if review.comparison else ""
    joined = " --join CSV" if review.joined else ""
    commands = [f"python -m core.report {name}{against}{joined}"]
    blocks: list[Block] = []
    try:
        if run.has_network:
            commands.insert(0, f"python -m core.evaluate --run {name} --data {path}")
            commands.insert(0, _training_command(run))
        else:
            commands.insert(0, _import_command(run))
    except AffectoscopeError as error:
        blocks.append(Text(f"The command that trained the run cannot be given: {error}"))
    trained = run.info["environment"].get("packages", {})
    here = {package: _version(package) for package in dict.fromkeys((*trained, *_PACKAGES))}
    blocks += [
        Commands(tuple(commands)),
        Text(
            "Rounding differs between processors and package versions: the same command may give slightly other weights "
            "and scores there."
        ),
        Table(
            ("package", "the run", "this text"),
            (
                ("Python", str(run.info["environment"].get("python", "–")), platform.python_version()),
                *((package, trained.get(package, "–"), here[package] or "–") for package in here),
            ),
            words=(0, 1, 2),
        ),
        Items(
            tuple(
                filter(
                    None,
                    (
                        f"Written by Affectoscope {program_version()} on {review.made:%Y-%m-%d at %H:%M} UTC.",
                        f"The run was made on {_day(run)}.",
                        _digest(run),
                    ),
                )
            )
        ),
    ]
    return Section("reproduction", "How to get the same again", tuple(blocks), card=True)


def program_version() -> str:
    """This program's version, from pyproject.toml."""
    try:
        path = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"
        return str(loads(path.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "of an unknown version"


def cited(run: Run) -> tuple[str, ...]:
    """The key, in core.report.sources, of the paper that published the run's data."""
    return (run.dataset.name,) if run.dataset.citation else ()


def _published(dataset: DatasetSpec) -> str:
    """Contents of the data set as published; '' without published counts."""
    if not dataset.published:
        return ""
    sizes = listed([f"{faces:,} {split}".strip() for split, faces in dataset.published.items()])
    annotated = {
        "face boxes": dataset.boxes,
        "valence and arousal": dataset.affect,
        "votes of several annotators": dataset.votes,
        "the persons shown": dataset.subjects,
    }
    there = [name for name, known in annotated.items() if known]
    absent = [name for name, known in annotated.items() if not known]
    sentence = f"{dataset.title} was published with {sizes} faces. Annotated are {listed(['the expression', *there])}"
    return f"{sentence}, not {listed(absent, last='or')}." if absent else f"{sentence}."


def _inspected(run: Run) -> str:
    """Verdict on the data and what else its inspection found; '' without one."""
    verdict = recorded_verdict(run)
    if verdict is None:
        return ""
    return " ".join((verdict.sentence, *(f"{remark[0].upper()}{remark[1:]}." for remark in verdict.remarks)))


def _counts(review: Review) -> Table:
    """Faces per expression and split; labels that the network does not have are marked."""
    counts = review.run.info["data"]["counts"]
    splits = [split for split in _SPLITS if split in counts]
    splits += sorted(split for split in counts if split not in _SPLITS)
    there = [name for name in EXPRESSIONS if any(counts[split].get(name) for split in splits)]
    rows = [
        (
            name if name in review.run.labels else f"{name} (not a label of the network)",
            *(f"{int(counts[split].get(name, 0)):,}" for split in splits),
        )
        for name in there
    ]
    rows.append(("all", *(f"{sum(counts[split].values()):,}" for split in splits)))
    return Table(("expression", *splits), tuple(rows), "Faces per expression and split.")


def _preprocessing(run: Run) -> str:
    if not run.has_network:
        return (
            "How the network that made the predictions sees a face is not known: galleries, brightness, sharpness and "
            "near-duplicates are of faces as they are cropped here."
        )
    about = run.info["preprocessing"]
    colour = "grey" if about.get("colour") == "grey" else "colour"
    margin = about.get("margin", 0)
    box = "the face box as it is"
    if margin:
        box = f"the face box, {percent(abs(margin), digits=0)} {'larger' if margin > 0 else 'smaller'} on each side"
    return (
        f"The network sees {colour} faces of {about.get('size')} × {about.get('size')} pixels, cut from {box}. Faces "
        "that are framed otherwise are other faces to it: numbers hold only for this preprocessing, which is stored "
        f"inside the run. In photos, faces are found by the detector {run.detector}."
    )


def _augmentation(run: Run) -> str:
    """Which test-time augmentation the validation faces chose, with their figures; '' where none was compared."""
    measured = (run.info.get("test_time_augmentation") or {}).get("validation")
    if not measured:
        return ""
    figures = "; ".join(
        f"{DESCRIPTIONS[name] or 'one pass over each face'} {of['log_loss']:.4f} (accuracy {percent(of['accuracy'])})"
        for name, of in measured.items()
    )
    chosen = DESCRIPTIONS[run.test_time_augmentation] or "one pass over each face"
    return (
        f"Test-time augmentation, by the log loss of the validation faces: {figures}. The cheapest within {TOLERANCE:g} of "
        f"the least was chosen, {chosen}: so are the run's predictions made, and those of photos."
    )


def _learning(review: Review, measure: str) -> Figure:
    best = {review.name: review.run.info["training"].get("best_epoch")}
    table = learning_curves({review.name: review.history}, measure)
    first, last = (review.history[f"validation_{measure}"].iloc[row] for row in (0, -1))
    shown = percent if measure == "accuracy" else number
    return Figure(
        f"learning-{measure}",
        lambda: figures.learning(table, title=measure, best_epochs=best, height=300),
        f"Training and validation {measure} over {len(review.history):,} epochs; validation {measure} goes from "
        f"{shown(first)} to {shown(last)}.",
        f"{measure.capitalize()} over the epochs: training dotted, validation solid.",
    )


def _import_command(run: Run) -> str:
    report = load_import(run)
    table, options = (report.table, report.options) if report else ("TABLE", ())
    words = ("python", "-m", "core.import_predictions", table, "--data", data_path(run), "--name", run.name)
    return shlex.join((*words, *options))


def _training_command(run: Run) -> str:
    if run.imported:
        return run.imported.command
    config = TrainConfig.from_dict(run.info["config"])
    config = replace(
        config,
        name=run.name,
        resume=False,
        overwrite=False,
        tensorboard=None,
        thumbnails="auto",
        teacher=tuple(Path(teacher).name for teacher in config.teacher),
    )
    return train_command(config)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return (
        f"{seconds:.0f} seconds of training" if seconds < 120 else f"{seconds / 60:.0f} minutes of training"
    )


def _day(run: Run) -> str:
    created = str(run.info["created"])
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d at %H:%M} UTC"
    except ValueError:
        return created


def _digest(run: Run) -> str:
    digest = run.info["network"].get("sha256")
    return f"SHA-256 of the network: {digest}." if digest else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
