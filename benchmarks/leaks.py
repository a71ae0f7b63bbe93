"""How many test faces of a run have near-duplicates among its training faces, and what they are worth:
`python benchmarks/leaks.py --run fer2013-standard --data PATH`.

Near-duplicates have perceptual hashes that differ in at most 3 of 64 bits, mirror images included.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.artifacts import open_run
from core.datasets import open_dataset
from core.facepack import pack_faces
from core.faces import PreprocessingContract
from core.splits import near_duplicate_groups, perceptual_hashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument(
        "--out", type=Path, help="write every pair of test face and training face to this CSV file"
    )
    options = parser.parse_args()
    run = open_run(options.run)
    table, pack = pack_faces(open_dataset(options.data), PreprocessingContract(**run.info["preprocessing"]))
    groups = near_duplicate_groups(perceptual_hashes(pack.images)[pack.positions])
    predictions = run.predictions()
    tested = table.faces["reference"].isin(predictions.frame["reference"]).to_numpy()
    trained = table.faces["split"].isin(["train", ""]).to_numpy() & ~tested
    leaked = set(table.faces["reference"][tested & np.isin(groups, groups[trained])])
    apart = ~predictions.frame["reference"].isin(leaked).to_numpy()
    correct = predictions.correct
    print(f"{len(correct):,} test faces, {(~apart).sum():,} with a near-duplicate among the training faces")
    print(
        f"accuracy of all {correct.mean():.4f}, of those {correct[~apart].mean():.4f}, of the others {correct[apart].mean():.4f}"
    )
    if options.out:
        pairs(table.faces["reference"].to_numpy(), groups, tested, trained).to_csv(options.out, index=False)


def pairs(
    references: np.ndarray, groups: np.ndarray, tested: np.ndarray, trained: np.ndarray
) -> pd.DataFrame:
    """Columns test, train: every pair of faces in one group."""
    sides = [
        pd.DataFrame({name: references[side], "group": groups[side]})
        for name, side in (("test", tested), ("train", trained))
    ]
    return sides[0].merge(sides[1], on="group").drop(columns="group")


if __name__ == "__main__":
    main()
