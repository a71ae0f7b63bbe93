"""The model card of a run, in Markdown (Mitchell et al. 2019, "Model Cards for Model Reporting")."""

from core.scoring import Estimate, Scores


def model_card(info: dict, scores: Scores) -> str:
    """The card from run.json's document and the scores."""
    data, config, training = info["data"], info["config"], info["training"]
    ledger = data["ledger"]
    headline = (
        ("Accuracy", scores.accuracy),
        ("Balanced accuracy", scores.balanced_accuracy),
        ("Macro-F1", scores.macro_f1),
        ("M measure (Hand & Till 2001)", scores.m_measure),
        ("Expected calibration error", scores.expected_calibration_error),
    )
    rows = "\n".join(f"| {title} | {_number(estimate)} |" for title, estimate in headline)
    per_class = "\n".join(
        f"| {label} | {row.support} | {_number(row.precision)} | {_number(row.recall)} | {_number(row.f1)} |"
        for label, row in scores.per_class.items()
    )
    counts = "; ".join(f"{split}: {sum(row.values()):,}" for split, row in data["counts"].items())
    about_people = (
        "The faces are drawn by a program; nothing here is data about people."
        if data["name"] == "drawn"
        else "The truth is what annotators saw in a face, not what a person felt."
    )
    chosen_on = (
        "\nThe epoch was chosen on these very faces, so the scores are optimistic; the test faces were not looked at.\n"
        if config.get("review") == "validation"
        else ""
    )
    return f"""# {info["name"]}

A convolutional network of {info["network"]["parameters"]:,} parameters that names the expression of a
cropped face as one of {len(data["labels"])} labels: {", ".join(data["labels"])}.

## Data

{data["title"]}. {data["note"]} Faces per split: {counts}. {ledger["used"]:,} of {ledger["read"]:,} rows
were used. {about_people}

## Scores on {scores.faces:,} {config.get("review", "test")} faces (95 % interval)
{chosen_on}

| | |
|---|---|
{rows}

| expression | faces | precision | recall | F1 |
|---|---|---|---|---|
{per_class}

## Training

Preset `{config["preset"]}`, {training["epochs"]} epochs, the best one {training["best_epoch"]} by the loss on a
validation split of the training faces; ended: {training["ended"]}. Seed {config["seed"]}.
{training["seconds"]["train"] / 60:.0f} minutes of training on {info["environment"]["processor"]},
{info["environment"]["cores"]} cores, {info["environment"]["backend"]} backend.

{_calibration(info.get("calibration"))}## Use

For research on, and review of, expression recognition. A facial expression is not a felt emotion. Inferring
emotions of people at work or in education is prohibited in the European Union (Regulation 2024/1689,
Article 5(1)(f)), medical and safety reasons apart.
"""


def _calibration(calibration: dict | None) -> str:
    """How live prediction reads the network's outputs; nothing for runs from before that was kept."""
    if not calibration:
        return ""
    return f"""## Abstention

Fitted on the validation faces: a temperature of {calibration["temperature"]:.3f}, which takes their calibration error
from {calibration["validation_ece_before"]:.3f} to {calibration["validation_ece_after"]:.3f}, and a cosine distance of
{calibration["distance_limit"]:.3f} to the nearest training face but {calibration["neighbours"] - 1}, beyond which a face is
unlike the training faces. The probabilities and scores above are without the temperature.

"""


def _number(estimate: Estimate) -> str:
    if estimate.value != estimate.value:
        return "not defined"
    if estimate.low != estimate.low:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
