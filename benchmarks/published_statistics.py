"""Statistics of a real data set, which core.inspect compares copies of it with.

    python benchmarks/published_statistics.py --data fer2013.zip --datasets fer2013 ferplus --side 48 --references 350 150
    python benchmarks/published_statistics.py --data affectnet-yolo.zip --datasets affectnet-yolo --side 96

Writes core/analysis/data_inspection/published/<first name>.json: percentiles of the pixel measures of each split,
thresholds from the training faces, and of some faces ("references", training and test) hash and measures as numbers. It
holds no image.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.analysis.data_inspection.make_statistics import make_statistics
from core.analysis.data_inspection.published import FOLDER
from core.data.readers import open_dataset


@dataclass(frozen=True)
class Options:
    data: Path
    """The real data set, whose images are faces of one size."""
    datasets: tuple[str, ...]
    """Names of the DatasetSpecs whose faces these are."""
    side: int
    """Side of the images in pixels."""
    references: tuple[int, int] = (0, 0)
    """Training and test faces to keep hash and measures of."""


def main(options: Options) -> None:
    table = open_dataset(options.data)
    with Progress() as bar:
        task = bar.add_task("Measuring", total=len(table))
        statistics = make_statistics(
            table,
            datasets=options.datasets,
            side=options.side,
            references=dict(zip(("train", "test"), options.references, strict=True)),
            progress=lambda done, total: bar.update(task, completed=done),
        )
    path = FOLDER / f"{options.datasets[0]}.json"
    path.write_text(json.dumps(statistics.as_dict(), separators=(",", ":")) + "\n", encoding="utf-8")
    print(
        f"{path}: {statistics.faces}, {len(statistics.references)} reference faces, {path.stat().st_size:,} bytes"
    )
    print(f"tolerance {statistics.tolerance}")
    print(
        f"largest changes {statistics.changes}; near-duplicates {statistics.leaked}, copies {statistics.repeated}"
    )


if __name__ == "__main__":
    main(tyro.cli(Options))
