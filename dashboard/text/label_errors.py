"""Findings about labels that may be wrong, and what to do about them."""

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

#: How the order comes about.
METHOD = (
    "Confident learning (Northcutt et al. 2021): a face is flagged when the network gives another label more than that "
    "label's own faces get on average. First come the faces that it finds more probable, by most, under another label. "
    "That is the network's opinion, not the truth: look before you decide."
)

#: What the number of errors per label rests on.
PER_LABEL = (
    "Estimated by the confident joint: the given labels' counts, spread over the labels that the network is confident "
    "of. Many errors of one label may also mean that the network has not learnt it."
)

NO_FACE = "No face passes these filters: widen them."

#: Before the first decision.
NOTHING_DECIDED = (
    "Nothing is decided yet. One click below a face decides; what you decide is kept with the run."
)


def command(run: Run) -> str:
    """What ranks the run's training faces."""
    return f"python -m core.label_errors --run {run.name} --data {_data(run)}"


def not_ranked(run: Run) -> str:
    """Why there is nothing to see of training faces."""
    return (
        f"The training faces of run '{run.name}' have not been ranked. A network knows its own training faces by heart, so "
        "this trains its recipe again on parts of them, three times by default, and asks each network about the faces "
        "that it has not seen. It can be stopped and goes on; the page shows the result as soon as it is there:"
    )


def held_out(about: dict) -> str:
    """How the predictions of training faces were made."""
    return (
        f"Each face was read by a network trained without it: {about.get('folds', '?')} folds of "
        f"{about.get('epochs', '?')} epochs."
    )


def progress(counts: dict[str, int], faces: str) -> str:
    """'12 of 718 likely errors decided: 7 relabelled, 4 kept, 1 removed.'"""
    told = f"{counts['decided']:,} of {counts['faces']:,} {faces.lower()} decided"
    parts = [f"{counts[name]:,} {name}" for name in ("relabelled", "kept", "removed") if counts[name]]
    return f"{told}: {', '.join(parts)}." if parts else f"{told}."


def reading(face: pd.Series) -> str:
    """'fear 1% → **sad** 92%' of a row of a ranking."""
    given, suggested = (
        percent(face[name], digits=0).replace(" ", "\u00a0") for name in ("p_given", "p_suggested")
    )
    return f"{face['given']} {given} → **{face['suggested']}** {suggested}"


def suspect(face: pd.Series) -> str:
    """What the network says of one face's label."""
    verdict = "flagged as likely wrong" if face["issue"] else "not flagged"
    corrected = (
        f" The data says {face['annotated']}; the run was trained with it corrected."
        if face["annotated"] != face["given"]
        else ""
    )
    return (
        f"Labelled **{face['given']}**, to which the network gives {percent(face['p_given'])}; it gives "
        f"**{face['suggested']}** {percent(face['p_suggested'])}: {verdict}.{corrected}"
    )


def contradiction(face: pd.Series, valence: float, arousal: float) -> str:
    """What in the annotation contradicts the label; '' where nothing does."""
    if not face["contradiction"] or math.isnan(valence) or math.isnan(arousal):
        return ""
    where = f"valence {valence:+.2f} and arousal {arousal:+.2f}".replace("-", "−")
    by = "AffectNet's region of" if face["given"] in AFFECTNET_REGIONS else "what is expected of"
    return f"Annotated with {where}, which contradicts {by} {face['given']}."


def decision(decided: str) -> str:
    """A decision in a word."""
    return {KEEP: "label kept", REMOVE: "removed"}.get(decided, decided)


def decided_at(row: pd.Series) -> str:
    """When it was decided."""
    when = row["decided"].replace("T", " ").removesuffix("+00:00")
    return f"Decided {when} UTC." if when else "Decided before this run was trained."


def decided(decisions: pd.DataFrame) -> str:
    """How many decisions there are, and about which faces."""
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
        " A training leaves the labels of test faces alone, so that its scores can be compared; `core.evaluate --relabel` "
        "scores with them corrected."
        if scored
        else ""
    )
    return f"**{len(decisions):,} {'decision' if len(decisions) == 1 else 'decisions'}**: {', '.join(parts)}.{only}"


def commands(run: Run, decisions: pd.DataFrame) -> str:
    """What applies the decisions, one command a line."""
    path, lines = _shown(run.decisions_path), []
    if decisions["split"].isin(TRAINED_SPLITS).any():
        lines.append(_train(run, path))
    if not decisions["split"].isin(TRAINED_SPLITS).all():
        lines.append(f"python -m core.evaluate --run {run.name} --data PATH --relabel {path}")
    return "\n".join(lines)


def _train(run: Run, decisions: str) -> str:
    name = f"{run.name[:69]}-relabelled"
    try:
        config = TrainConfig.from_dict(run.info["config"])
    except (AffectoscopeError, KeyError):
        return f"python -m core.train --data PATH --name {name} --relabel {decisions}"
    changed = replace(config, name=name, relabel=Path(decisions), resume=False, overwrite=False)
    return train_command(changed, data="PATH" if config.data or not is_drawn(run) else None)


def _data(run: Run) -> str:
    """The faces that a training without --data draws need no path."""
    return DRAWN if is_drawn(run) and not run.info["config"].get("data") else "PATH"


def _shown(path: Path) -> str:
    """A path as short as it can be typed where the app was started."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
