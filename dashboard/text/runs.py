"""Sentences about a run: its data, its training, missing parts."""

import pandas as pd

from core.data.face_table import FaceTable, Ledger
from core.runs.imported_predictions import load_import
from core.runs.run import Run
from dashboard.tables.counts import of_labels, ordered_splits

TRAIN_COMMAND = "python -m core.train"


#: Relative increase of the validation loss since the best epoch from which on it is called a rise.
RISEN = 0.02


def ledger_sentence(run: Run) -> str:
    """The run's ledger in one sentence."""
    entry = run.info["data"].get("ledger", {})
    return Ledger(entry.get("read", 0), entry.get("refused", {}), entry.get("examples", {})).sentence()


def trained_on(run: Run) -> str:
    """Data and size of the run's network, in two sentences."""
    data, preprocessing = run.info["data"], run.info["preprocessing"]
    kept = of_labels(data["counts"], run.labels)
    parts = ", ".join(f"{sum(kept[split].values()):,} {split}" for split in ordered_splits(kept))
    parameters = run.info["network"].get("parameters")
    if not run.has_network:
        report = load_import(run)
        return f"{data['title']}: {parts} faces, {len(run.labels)} labels ({', '.join(run.labels)}). " + (
            f"Imported predictions, without a network. {report.sentence()}" if report else ""
        )
    size = f"{parameters:,} parameters" if parameters is not None else "a network"
    colour = "grey" if preprocessing.get("colour") == "grey" else "colour"
    return (
        f"{data['title']}: {parts} faces, {len(run.labels)} labels ({', '.join(run.labels)}). "
        f"{size}, {colour} faces of {preprocessing.get('size')} × {preprocessing.get('size')} pixels."
    )


def images_found(table: FaceTable) -> str:
    """Where the images come from, if the user did not type it."""
    return f"Images from {table.title}, found on this machine: {len(table):,} faces."


def imported(run: Run) -> str:
    """Origin and preprocessing of an imported network; '' for one of core.train."""
    about = run.imported
    if about is None:
        return ""
    logits = "logits, to which the softmax is applied" if about.outputs.logits else "probabilities"
    return (
        f"Imported from {about.file}; it was not trained here. Input: {about.input.sentence()}; output '{about.outputs.expression}': "
        f"{logits}."
    )


def not_scored(run: Run) -> str:
    """Reason why an imported run has no scores."""
    return (
        f"Run '{run.name}' has no scored faces, because its network was imported without data. The page Live and core.predict "
        "work with it; import it again with data for scores and reviews:"
    )


def score_command(run: Run) -> str:
    """Command that imports a network again, with data."""
    return f"{run.imported.command} --data PATH --overwrite"


def no_images(run: Run) -> str:
    """Reason why the run has no thumbnails, and the alternative."""
    title = run.info["data"].get("title", "the data")
    if run.info["data"].get("redistributable"):
        reason = "it was trained with thumbnails switched off"
    else:
        reason = f"{title} may not be redistributed"
    return (
        f"This run ships without images, because {reason}. Point Affectoscope at your own copy "
        "(a zip, folder or csv) to see them here."
    )


def is_drawn(run: Run) -> bool:
    return run.info["data"].get("name") == "drawn"


def drawn_note(run: Run) -> str:
    """Caution about drawn faces; '' for photographs."""
    return run.dataset.caution


def training(run: Run, history: pd.DataFrame) -> str:
    """End of the training, in one or two sentences."""
    about = run.info["training"]
    ended = {
        "finished": "ran to its last epoch",
        "early stopping": "was stopped early",
        "interrupted": "was interrupted",
    }
    how = ended.get(about.get("ended"), "ended")
    best = about.get("best_epoch")
    kept = f" Epoch {best} had the lowest validation loss and was kept." if best is not None else ""
    return f"Training {how} after {len(history):,} {'epoch' if len(history) == 1 else 'epochs'}.{kept}"


def no_affect(run: Run) -> str:
    """Reason why a run has no valence and arousal, and the training that would give them."""
    if not run.has_network:
        return (
            f"Run '{run.name}' has no valence and arousal: either its table has no columns predicted_valence and "
            f"predicted_arousal, or {run.info['data']['title']} does not annotate them. Import such a table:"
        )
    if run.info["data"].get("has_affect"):
        return (
            f"Run '{run.name}' predicts no valence and arousal, although {run.info['data']['title']} annotates them: "
            "it was trained with --affect-weight 0, or none of its test faces is annotated. Train with a weight above 0:"
        )
    return (
        f"Run '{run.name}' predicts no valence and arousal, because {run.info['data']['title']} does not annotate "
        "them. A run trained on AffectNet does:"
    )


def no_embeddings(run: Run) -> str:
    """Reason why a run has no face map, and the remedy."""
    if not run.has_network:
        return (
            f"Run '{run.name}' has no embeddings of its test faces, so there is no face map. Import its predictions again "
            "with a column embedding (lists, Parquet) or columns embedding_0, embedding_1, ..."
        )
    if run.imported:
        return (
            f"Run '{run.name}' has no embeddings of its test faces, so there is no face map. Import it again with "
            "--embedding-output, if its network has such an output."
        )
    return (
        f"Run '{run.name}' has no embeddings of its test faces, so there is no face map. Train it again: every new run "
        "has them."
    )


def overfitting(history: pd.DataFrame, best_epoch: int | None) -> str:
    """Gap between training and validation accuracy at the best epoch, and the validation loss since."""
    at_best = history[history["epoch"] == best_epoch]
    if at_best.empty:
        return ""
    row = at_best.iloc[0]
    gap = 100 * (row["accuracy"] - row["validation_accuracy"])
    difference = f"{abs(gap):.1f} points {'above' if gap >= 0 else 'below'}"
    later = history.loc[history["epoch"] > best_epoch, "validation_loss"]
    if later.empty:
        since = "It is the last epoch, so over-fitting by longer training is not known."
    elif (rise := later.iloc[-1] - row["validation_loss"]) > RISEN * row["validation_loss"]:
        since = f"Validation loss has risen by {rise:.3f} since: training longer over-fits."
    else:
        since = "Validation loss has not risen noticeably since: there is no sign of over-fitting."
    return f"At the best epoch training accuracy, measured on augmented faces, is {difference} validation accuracy. {since}"
