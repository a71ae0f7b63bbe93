"""Train a teacher and its student within ten minutes on a GPU machine that has JAX, but neither Keras nor a network.

    python benchmarks/gpu_run.py pack FOLDER --data fer2013.zip      at home: collect data, code and wheels in FOLDER
    python3 FOLDER/gpu_run.py run FOLDER --out OUT                   on the GPU machine: train both within --minutes
    python benchmarks/gpu_run.py collect OUT --data fer2013.zip      at home: verify, review and publish both runs

The GPU machine needs Python 3.12, JAX, NumPy, pandas, SciPy, scikit-learn, PyArrow, Pillow, h5py and rich. `pack` stores the
images of the zip as one compressed stream, which removes the repetition in the headers of small JPEGs; the folder stays
below 60 MB. `run` writes at most 8 files of at most 15 MB to OUT, each training as soon as it is finished, the student's also
after half of its epochs. `collect` compares the probabilities of 256 validation faces with those computed on the GPU machine,
then calls `python -m core.train --resume`, which finds all epochs done. The trainings are in benchmarks/gpu_training.py.
`run --dry-run` does the same on a CPU with few faces and small networks, in two minutes.
"""

import argparse
import json
import lzma
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: Packages to install on the GPU machine, and the platforms and Python version that it accepts.
WHEELS = ("keras", "optree", "namex", "ImageHash", "platformdirs")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
PYTHON = "3.12"

#: Largest size of the packed folder, in bytes.
LARGEST_FOLDER = 60 * 10**6

#: Largest difference of a probability between the two machines.
TOLERANCE = 1e-4

#: Precedes each file in a compressed stream: length of the name, length of the content.
_HEADER = struct.Struct("<HI")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    pack_parser = commands.add_parser("pack", help="collect data, code and wheels in FOLDER")
    pack_parser.add_argument("folder", type=Path)
    pack_parser.add_argument("--data", type=Path, required=True, help="zip of FER2013")
    pack_parser.add_argument("--no-wheels", action="store_true", help="Keras is installed on the GPU machine")
    run_parser = commands.add_parser("run", help="train teacher and student")
    run_parser.add_argument("folder", type=Path)
    run_parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    run_parser.add_argument(
        "--work", type=Path, default=Path("/tmp/affectoscope-gpu"), help="temporary files"
    )
    run_parser.add_argument("--minutes", type=float, help="for everything; default: 9.3, dry run: 2")
    run_parser.add_argument("--name", default="fer2013-distilled", help="name of the student's run")
    run_parser.add_argument("--limit", type=int, help="training faces; default: all, dry run: 300")
    run_parser.add_argument("--dry-run", action="store_true", help="few faces, small networks, on the CPU")
    collect_parser = commands.add_parser("collect", help="verify, review and publish both runs")
    collect_parser.add_argument("out", type=Path)
    collect_parser.add_argument("--data", type=Path, required=True, help="zip of FER2013")
    collect_parser.add_argument("--overwrite", action="store_true", help="replace runs with the same names")
    options = parser.parse_args()
    {"pack": pack, "run": run, "collect": collect}[options.command](options)


def pack(options: argparse.Namespace) -> None:
    started, folder = time.perf_counter(), options.folder
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty; pass a new folder.")
    shutil.copytree(HERE.parent / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("gpu_run.py", "gpu_training.py"):
        shutil.copy(HERE / name, folder / name)
    if not options.no_wheels:
        download_wheels(folder / "wheels")
    compress_zip(options.data, folder / f"{options.data.name}.xz")
    total = 0
    for path in sorted(folder.iterdir()):
        files = path.rglob("*") if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files if file.is_file())
        total += size
        print(f"{size / 1e6:6.2f} MB  {path.name}")
    print(f"{total / 1e6:6.2f} MB  in total; packed in {time.perf_counter() - started:.0f} s")
    if total > LARGEST_FOLDER:
        sys.exit(f"{folder} is larger than {LARGEST_FOLDER / 1e6:.0f} MB.")


def download_wheels(folder: Path) -> None:
    """Download WHEELS for the GPU machine, in the versions of this environment."""
    wheels = [f"{name}=={version(name)}" for name in WHEELS]
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *(
                "--python-version",
                PYTHON,
                "--implementation",
                "cp",
                *platforms,
                "--dest",
                str(folder),
                *wheels,
            ),
        ],
        check=True,
    )


def compress_zip(source: Path, target: Path) -> None:
    """Write the files of a zip as one LZMA stream."""
    with zipfile.ZipFile(source) as files, lzma.open(target, "wb", preset=6) as stream:
        for member in files.infolist():
            if not member.is_dir():
                name, content = member.filename.encode(), files.read(member)
                stream.write(_HEADER.pack(len(name), len(content)) + name + content)


def restore_zip(source: Path, target: Path) -> None:
    """Write the zip that `compress_zip` read: the same files in the same order."""
    with lzma.open(source) as stream, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as files:
        while header := stream.read(_HEADER.size):
            name, content = _HEADER.unpack(header)
            files.writestr(zipfile.ZipInfo(stream.read(name).decode()), stream.read(content))


def run(options: argparse.Namespace) -> None:
    """Install, restore the data, and run gpu_training.py in a subprocess whose output is copied to OUT/log.txt."""
    started = time.time()
    folder, work = options.folder.resolve(), options.work.resolve()
    site, wheels = work / "site", sorted(map(str, folder.glob("wheels/*.whl")))
    options.out.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    if wheels:
        install = ["install", "--quiet", "--no-index", "--no-deps", "--upgrade", "--target", str(site)]
        subprocess.run([sys.executable, "-m", "pip", *install, *wheels], check=True)
    (compressed,) = folder.glob("*.xz")
    data = work / compressed.stem
    restore_zip(compressed, data)
    print(f"Installed and restored in {time.time() - started:.0f} s", flush=True)
    minutes = options.minutes or (2 if options.dry_run else 9.3)
    command = [
        *(sys.executable, str(folder / "gpu_training.py"), "--data", str(data)),
        *("--out", str(options.out.resolve()), "--work", str(work), "--name", options.name),
        *("--until", str(started + 60 * minutes)),
        *(("--limit", str(options.limit)) if options.limit else ()),
        *(("--dry-run",) if options.dry_run else ()),
    ]
    paths = [str(folder), str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cuda,cpu",  # fails without a GPU
        "XLA_PYTHON_CLIENT_MEM_FRACTION": ".85",
        "JAX_COMPILATION_CACHE_DIR": str(work / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "AFFECTOSCOPE_CACHE": str(work / "cache"),
    }
    if options.dry_run:  # compiling takes most of its time
        environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with (
        open(options.out / "log.txt", "w", encoding="utf-8") as log,
        subprocess.Popen(command, env=environment, **pipes) as training,
    ):
        for line in training.stdout:
            print(line, end="", flush=True)
            print(line, end="", flush=True, file=log)
    sys.exit(training.returncode)


def collect(options: argparse.Namespace) -> None:
    sys.path.insert(0, str(HERE.parent))
    results = json.loads((options.out / "results.json").read_text(encoding="utf-8"))
    for role in ("teacher", "student"):
        if role in results:
            publish(role, results[role], options)
        else:
            print(f"{options.out} has no {role}.")


def publish(role: str, result: dict, options: argparse.Namespace) -> None:
    """Restore the working folder of a training, verify its network, and review and publish it by core.train."""
    from dataclasses import replace

    from core.config import TrainConfig
    from core.options import train_arguments
    from core.runs.catalogue import working_folder

    config = replace(
        TrainConfig.from_dict(result["config"]),
        data=options.data.resolve(),
        resume=True,
        overwrite=options.overwrite,
        resident="auto",
    )
    working = working_folder(config.name)
    if working.exists():
        sys.exit(f"{working} exists already; delete it.")
    restore_training(options.out, role, working)
    arguments = ["-m", "core.train", *train_arguments(config)]
    if result["epochs"] < config.epochs:
        print(
            f"The {role} was trained for {result['epochs']} of {config.epochs} epochs. Resume with: python",
            *arguments,
        )
        return
    verify_network(config, working)
    subprocess.run([sys.executable, *arguments], cwd=HERE.parent, check=True)


def restore_training(out: Path, role: str, working: Path) -> None:
    """Extract the files of a training; those saved after half of its epochs if there are no others."""
    parts = sorted(out.glob(f"{role}.part*")) or sorted(out.glob(f"{role}-half.part*"))
    if not parts:
        sys.exit(f"{out} has no {role}.part1; copy all files of the GPU machine to it.")
    archive = out / f"{role}.zip"
    archive.write_bytes(b"".join(part.read_bytes() for part in parts))
    with zipfile.ZipFile(archive) as files:
        files.extractall(working)
    archive.unlink()


def verify_network(config, working: Path) -> None:
    """Exit unless the trained weights give the probabilities that were computed on the GPU machine."""
    import numpy as np

    from benchmarks.gpu_training import CHECK_FILE, faces_digest
    from core.data.training_data import load_training_data
    from core.network.training_job import TrainingJob
    from core.runs.catalogue import checkpoint_file
    from core.runtime.console import Console
    from core.runtime.environment import quiet_tensorflow

    with quiet_tensorflow():
        from core.network.inference import run_network
    job = TrainingJob.of(config, load_training_data(config, Console()), working)
    with np.load(working / CHECK_FILE) as saved:
        expected, digest = saved["probabilities"], str(saved["faces"])
    pack = job.validation[0].select(np.arange(len(expected)))
    if digest != faces_digest(pack):
        sys.exit("The validation faces differ from those on the GPU machine; pass the zip that was packed.")
    network = job.selected_network()
    with np.load(checkpoint_file(working)) as saved:
        network.set_weights([saved[f"best_{index}"] for index in range(len(network.get_weights()))])
    difference = float(np.abs(run_network(network, pack)["expression"] - expected).max())
    print(
        f"Largest difference of a probability among {len(pack)} validation faces: {difference:.1e}",
        flush=True,
    )
    if not difference <= TOLERANCE:
        sys.exit(f"Expected at most {TOLERANCE}: the weights are not those of the GPU machine.")
    (working / CHECK_FILE).unlink()


if __name__ == "__main__":
    main()
