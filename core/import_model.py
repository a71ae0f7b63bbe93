"""Command line `python -m core.import_model FILE`: a network that was trained elsewhere as a run under artifacts/."""

import shlex
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro

from core.analysis.after_training import describe_data, review_run
from core.analysis.data_inspection.inspection import inspect_training
from core.analysis.importing import (
    NetworkFile,
    choose_outputs,
    detect_logits,
    fit_input,
    noise_faces,
    open_network_file,
    parse_labels,
)
from core.analysis.leaks import load_leaks
from core.analysis.preprocessing_check import PreprocessingCheck, check_preprocessing, draw_faces
from core.analysis.protocol import protocol_from
from core.config import PRESETS, TrainConfig
from core.data.detectors.detector import get_detector
from core.data.network_input import NetworkInput, parse_numbers
from core.data.preprocessing import PreprocessingConfig
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.labels import LabelSet
from core.report.card import write_card
from core.report.score_tables import prominent_headlines
from core.runs.catalogue import check_run_name, open_run, publish, working_folder
from core.runs.imported_network import ImportedNetwork, Network, OutputNames
from core.runs.layout import ARTIFACTS_FOLDER, SCHEMA_VERSION
from core.runs.run import Run, run_name
from core.runs.tables import save_thumbnails
from core.runtime.console import Console, run_command
from core.runtime.environment import environment, package_versions, quiet_tensorflow
from core.runtime.files import digest, network_digest, network_file, write_json

#: Options of a training that an import has too: they determine how the data is read and split.
_READING = (
    "data", "format", "label_order", "automatic", "votes", "votes_protocol", "subjects", "validation_share", "seed",
)  # fmt: skip

#: Entries of run.json's "config": the above, and what the pages and other commands look for.
_CONFIG = (*_READING, "preset", "labels", "limit", "split_seed", "relabel", "colour", "size", "margin", "detector", "review")  # fmt: skip


@dataclass(frozen=True)
class ImportOptions:
    """Import a network that was trained elsewhere, as ONNX or .keras, with its preprocessing; with --data, score and review it
    like a trained one."""

    model: Annotated[Path, tyro.conf.Positional]
    """The .onnx or .keras file; one file without external data, custom operators or custom objects."""
    name: str
    """Name of the run."""
    labels: str
    """Labels in the order of the network's outputs: neutral,happy,sad,..."""
    colour: Literal["rgb", "grey", "bgr"]
    """Channels of the network's input; grey is repeated for a network of three channels."""
    scale: Literal["0..1", "0..255", "-1..1"]
    """Range that the pixel values 0 to 255 are mapped to."""
    size: int | None = None
    """Side of the face crop in pixels (16 to 512); default: that of the network's input."""
    mean: str | None = None
    """Mean that is subtracted after scaling, one number or one per channel in the network's order: 0.485,0.456,0.406."""
    std: str | None = None
    """Standard deviation that is divided by after that."""
    layout: Literal["nchw", "nhwc"] | None = None
    """Order of batch, height, width and channels; default: as the network's input shows it."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box", "nearest"] = "bilinear"
    """Filter that crops are resized with."""
    margin: float = 0.0
    """Share of the face box added on each side before cropping (-0.3 to 1)."""
    detector: str = "mtcnn"
    """Detector of the faces in photos."""
    outputs: Literal["auto", "logits", "probabilities"] = "auto"
    """What the network gives; auto: probabilities if they sum to 1 on faces."""
    output: str | None = None
    """Name of the output with the expression; default: the one with as many values as there are labels."""
    affect_output: str | None = None
    """Name of an output with valence and arousal, -1 to 1."""
    embedding_output: str | None = None
    """Name of an output with a vector of the face, or of a layer of a .keras file: for nearest faces, the face map and
    abstention on unlike faces."""
    data: Path | None = None
    """Data to score and review the network on; default: none, and the pages about scores say so."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    label_order: str | None = None
    """What the numbers of numbered classes mean, as in core.train."""
    automatic: bool = False
    """Also use AffectNet's automatically annotated list."""
    votes: Path | None = None
    """FERPlus's votes on FER2013's faces, as in core.train."""
    votes_protocol: Literal["majority", "plurality", "strict"] | None = None
    """Label FER2013's faces by FERPlus's votes, as in core.train."""
    subjects: Path | None = None
    """CSV with the columns reference and subject, as in core.train."""
    validation_share: float = 0.1
    """Share of the training faces that are held out for validation, on which the temperature is fitted."""
    seed: int = 0
    """Seed of splits that are made here."""
    overwrite: bool = False
    """Replace an existing run of that name."""


def main() -> None:
    arguments = sys.argv[1:]
    run_command(lambda: import_model(parse_options(arguments)))


def parse_options(arguments: list[str]) -> ImportOptions:
    """Parse the command line; a value such as -1..1 may follow its option after a space."""
    joined: list[str] = []
    for word in arguments:
        signed = word[:1] == "-" and word[1:2].isdigit()
        if signed and joined and joined[-1] in ("--scale", "--mean", "--margin"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return tyro.cli(ImportOptions, prog="python -m core.import_model", args=joined)


def import_model(options: ImportOptions, *, folder: Path = ARTIFACTS_FOLDER) -> Run:
    """Import a network and publish the run under `folder`; nothing is left where it fails.

    Raises:
        AffectoscopeError: an option is invalid, the file is refused or contradicts an option, the data cannot be read, or a
            run of that name exists.
    """
    console, name = Console(), check_run_name(options.name)
    if (folder / name).exists() and not options.overwrite:
        raise AffectoscopeError(f"Run '{name}' already exists; pass --overwrite or another --name.")
    labels = parse_labels(options.labels)
    get_detector(options.detector)  # an unknown one is refused before the work
    file = open_network_file(options.model)
    given, size = fit_input(
        file,
        colour=options.colour,
        scale=options.scale,
        mean=parse_numbers(options.mean, "mean"),
        std=parse_numbers(options.std, "std"),
        size=options.size,
        layout=options.layout,
    )
    preprocessing = PreprocessingConfig(
        "grey" if given.colour == "grey" else "rgb", size, options.margin, options.margin, options.resize
    )
    names = choose_outputs(
        file,
        labels,
        expression=options.output,
        affect=options.affect_output,
        embedding=options.embedding_output,
    )
    working = working_folder(name, folder)
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        return _import(working, options, file, given, preprocessing, names, labels, console)
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise


def _import(
    working: Path,
    options: ImportOptions,
    file: NetworkFile,
    given: NetworkInput,
    preprocessing: PreprocessingConfig,
    names: OutputNames,
    labels: LabelSet,
    console: Console,
) -> Run:
    config = _reading(options, preprocessing)
    data, check, faces = None, None, noise_faces(preprocessing)
    if options.data:
        data = load_training_data(config, console, labels=labels, preprocessing=preprocessing)
        console.say(data.table.ledger.sentence())
        console.say(data.sentence())
        drawn, truth = draw_faces(data.part(config.review)[0], labels, preprocessing)
        faces = drawn[preprocessing.colour]
    names = detect_logits(file, given, names, faces, len(labels), stated=options.outputs)
    how = (
        "as stated"
        if options.outputs != "auto"
        else f"on {len(faces)} {'faces' if data else 'random images'}"
    )
    kind = "logits, to which the softmax is applied" if names.logits else "probabilities"
    console.say(
        f"Input: {given.sentence()}, {preprocessing.size} pixels. Output '{names.expression}': {kind} ({how})."
    )
    if data:
        with console.progress("Checking the preprocessing") as progress:
            check = check_preprocessing(
                lambda x: file.run(x, [names.expression])[0], given, drawn, truth, progress=progress
            )
        _say_check(check, config.review, console)
    network = file.network(preprocessing.size, given, names)
    file.save(network, working / file.model)
    imported = ImportedNetwork(
        model=file.model,
        file=options.model.name,
        sha256=digest(options.model),
        command=command_of(options),
        scored=data is not None,
        input=given,
        outputs=names,
        caution=check.caution() if check else "",
        check=check.as_dict() if check else None,
    )
    info = _describe(working, file, config, preprocessing, imported, labels)
    if data:
        info |= _review(working, network, data, config, console)
    write_json(working / "run.json", info)
    if data:
        reviewed = open_run(working)
        write_card(reviewed)
        console.say(prominent_headlines(reviewed.scores, of=config.review))
        console.say(protocol_from(info).sentence())
        console.say(load_leaks(reviewed).summary.sentence())
    run = publish(working, replace=options.overwrite)
    console.say(f"Run '{run.name}' is ready: {run.path}")
    return run


def _reading(options: ImportOptions, preprocessing: PreprocessingConfig) -> TrainConfig:
    """The options of a training that read and split the data in the same way."""
    return replace(
        PRESETS["quick"],
        **{name: getattr(options, name) for name in _READING},
        colour="grey" if preprocessing.colour == "grey" else "rgb",
        size=preprocessing.size,
        margin=preprocessing.margin,
        detector=options.detector,
    )


def _say_check(check: PreprocessingCheck, split: str, console: Console) -> None:
    console.say(f"Accuracy on {check.faces} {split} faces under this preprocessing and the usual other ones:")
    for line in check.lines():
        console.say(line)
    if caution := check.caution():
        console.say(f"Warning: {caution}")


def _describe(
    working: Path,
    file: NetworkFile,
    config: TrainConfig,
    preprocessing: PreprocessingConfig,
    imported: ImportedNetwork,
    labels: LabelSet,
) -> dict:
    """Content of run.json for a network without data."""
    with quiet_tensorflow():
        place = environment()
    place["packages"] |= package_versions(("onnx", "onnxruntime"))
    stored = config.as_dict()
    path = network_file(working)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": run_name(working),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "imported": imported.as_dict(),
        "data": {
            "name": "",
            "title": "no data",
            "note": "",
            "labels": list(labels.labels),
            "label_set": len(labels),
            "counts": {},
            "redistributable": False,
            "has_affect": False,
        },
        "config": {name: stored[name] for name in _CONFIG if name in stored},
        "preprocessing": preprocessing.as_dict(),
        "detector": config.detector,
        "network": {
            "parameters": file.parameters,
            "side": preprocessing.size,
            "bytes": path.stat().st_size,
            "sha256": network_digest(working),
        },
        "training": {},
        "test_time_augmentation": {"chosen": "none", "validation": {}},
        "environment": place,
    }


def _review(
    working: Path, network: Network, data: TrainingData, config: TrainConfig, console: Console
) -> dict:
    """Predict, score and review the test faces as after a training; returns the entries of run.json that change."""
    from core.network.inference import predict_table

    inspection = inspect_training(data, extended=config.automatic)
    console.say(inspection.verdict.sentence)
    table, pack = data.part(config.review)
    with console.progress(f"Predicting {config.review} faces") as progress:
        predictions = predict_table(network, table, pack, data.labels, progress=progress)
    predictions.save(working / "predictions.parquet")
    shown = data.table.redistributable
    if shown:
        with console.progress("Saving thumbnails") as progress:
            save_thumbnails(working / "faces.parquet", table, data.preprocessing, progress=progress)
    _, calibration = review_run(
        working,
        network,
        data,
        predictions,
        split=config.review,
        tta="none",
        seed=config.seed,
        thumbnails=shown,
        console=console,
    )
    return {"data": describe_data(data, inspection), "calibration": asdict(calibration)}


def command_of(options: ImportOptions) -> str:
    """Command line of an import; paths are reduced to their last part."""
    words = ["python", "-m", "core.import_model", options.model.name]
    for name, value in vars(options).items():
        default = ImportOptions.__dataclass_fields__[name].default
        if name in ("model", "overwrite") or value == default:
            continue
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option)
        else:
            words.append(f"{option}={value.name if isinstance(value, Path) else value}")
    return shlex.join(words)


if __name__ == "__main__":
    main()
