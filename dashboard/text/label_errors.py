"""Sentences of the page Label errors, and the commands that apply decisions."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd

from core.analysis.contradictions import AFFECTNET_REGIONS
from core.analysis.label_errors import DRAWN
from core.config import TrainConfig
from core.data.decisions import KEEP, REMOVE
from core.data.relabelling import TRAINED_SPLITS
from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.options import train_command
from core.runs.run import Run
from dashboard.text.runs import is_drawn

#: Definition of the ranking.
METHOD = (
    "Confident learning (Northcutt et al. 2021): a face is flagged when the probability of another label exceeds that "
    "label's mean probability on its own faces. The ranking is by the difference of the two probabilities, largest "
    "first. It rests on predictions, so check each face before deciding."
)

#: Definition of the number of errors per label.
PER_LABEL = (
    "Estimated by the confident joint: the given labels' counts, distributed over the labels predicted with "
    "confidence. Many errors of one label may also mean that the network has not learned it."
)

NO_FACE = "No face passes these filters: widen them."

#: Before the first decision.
NOTHING_DECIDED = (
    "There are no decisions yet. One click below a face makes one; decisions are saved with the run."
)


def command(run: Run) -> str:
    """Command that ranks the run's training faces."""
    return f"python -m core.label_errors --run {run.name} --data {_data(run)}"


def not_ranked(run: Run) -> str:
    """Reason why there is no ranking of training faces."""
    return (
        f"The training faces of run '{run.name}' have not been ranked. A network fits its own training faces, so this "
        "command trains its recipe again in cross-validation, three folds by default, and predicts the held-out faces. "
        "It can be interrupted and resumed; the page shows the result as soon as it is there:"
    )


def held_out(about: dict) -> str:
    """Description of the cross-validation behind the ranking of training faces."""
    return (
        f"Each face was predicted by a network trained without it: {about.get('folds', '?')} folds of "
        f"{about.get('epochs', '?')} epochs."
    )


def format_progress(counts: dict[str, int], faces: str) -> str:
    """'12 of 718 likely errors decided: 7 relabelled, 4 kept, 1 removed.'"""
    decided = f"{counts['decided']:,} of {counts['faces']:,} {faces.lower()} decided"
    parts = [f"{counts[name]:,} {name}" for name in ("relabelled", "kept", "removed") if counts[name]]
    return f"{decided}: {', '.join(parts)}." if parts else f"{decided}."


def format_suggestion(face: pd.Series) -> str:
    """'fear 1% → **sad** 92%' of a row of a ranking."""
    given, suggested = (percent(face[name], digits=0) for name in ("p_given", "p_suggested"))
    return f"{face['given']} {given} → **{face['suggested']}** {suggested}"


def describe_label(face: pd.Series) -> str:
    """Probabilities of one face's given and suggested label, and its flag."""
    verdict = "flagged as likely wrong" if face["issue"] else "not flagged"
    corrected = (
        f" The annotation is {face['annotated']}; the run was trained with the corrected label."
        if face["annotated"] != face["given"]
        else ""
    )
    return (
        f"Given label **{face['given']}**: probability {percent(face['p_given'])}. Suggested label "
        f"**{face['suggested']}**: {percent(face['p_suggested'])}. {verdict.capitalize()}.{corrected}"
    )


def contradiction(face: pd.Series, valence: float, arousal: float) -> str:
    """Contradiction between the annotated valence and arousal and the label; '' where there is none."""
    if not face["contradiction"] or math.isnan(valence) or math.isnan(arousal):
        return ""
    where = f"valence {valence:+.2f} and arousal {arousal:+.2f}".replace("-", "−")
    by = "AffectNet's region of" if face["given"] in AFFECTNET_REGIONS else "the expected region of"
    return f"Annotated with {where}, which contradicts {by} {face['given']}."


def format_decision(decided: str) -> str:
    """'label kept', 'removed' or the new label."""
    return {KEEP: "label kept", REMOVE: "removed"}.get(decided, decided)


def format_decision_time(row: pd.Series) -> str:
    """Time of a decision."""
    when = row["decided"].replace("T", " ").removesuffix("+00:00")
    return f"Decided {when} UTC." if when else "Decided before this run was trained."


def count_decisions(decisions: pd.DataFrame) -> str:
    """Number of decisions about training and about scored faces."""
    training = int(decisions["split"].isin(TRAINED_SPLITS).sum())
    scored = len(decisions) - training
    parts = [
        f"{count:,} about {'a' if count == 1 else ''} {kind} {'face' if count == 1 else 'faces'}".replace(
            "  ", " "
        )
        for count, kind in ((training, "training"), (scored, "scored"))
        if count
    ]
    only = (
        " Training does not change the labels of test faces, so that scores stay comparable; `core.evaluate --relabel` "
        "scores with the corrected labels."
        if scored
        else ""
    )
    return f"**{len(decisions):,} {'decision' if len(decisions) == 1 else 'decisions'}**: {', '.join(parts)}.{only}"


def apply_commands(run: Run, decisions: pd.DataFrame) -> str:
    """Commands that apply the decisions, one per line."""
    path, lines = _shown(run.decisions_path), []
    if decisions["split"].isin(TRAINED_SPLITS).any():
        lines.append(_train(run, path))
    if run.has_network and not decisions["split"].isin(TRAINED_SPLITS).all():
        lines.append(f"python -m core.evaluate --run {run.name} --data PATH --relabel {path}")
    return "\n".join(lines)


def _train(run: Run, decisions: str) -> str:
    name = f"{run.name[:69]}-relabelled"
    try:
        if run.imported:  # its options are of the import
            raise AffectoscopeError("There is no training.")
        config = TrainConfig.from_dict(run.info["config"])
    except (AffectoscopeError, KeyError):
        return f"python -m core.train --data PATH --name {name} --relabel {decisions}"
    changed = replace(config, name=name, relabel=Path(decisions), resume=False, overwrite=False)
    return train_command(changed, data="PATH" if config.data or not is_drawn(run) else None)


def _data(run: Run) -> str:
    """The faces that a training without --data draws need no path."""
    return DRAWN if is_drawn(run) and not run.info["config"].get("data") else "PATH"


def _shown(path: Path) -> str:
    """A path relative to the working directory of the app where possible."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
