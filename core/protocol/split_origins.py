"""Where the faces of a run's splits come from: officially, held out, or drawn; and those that are in none."""

from collections.abc import Collection

from core.labels import EXPRESSIONS

#: What the splits of known data are officially.
OFFICIAL: dict[str, dict[str, str]] = {
    "affectnet-2017": {"test": "AffectNet's validation list (it has no public test set)"},
    "affectnet-2021": {"test": "AffectNet's validation set (it has no public test set)"},
    "fer2013": {"test": "PublicTest", "private_test": "PrivateTest"},
    "drawn": {"test": "the drawn validation list"},
}

_HELD_OUT, _UNSPLIT = "held out of the training faces", "drawn from faces that come without a split"


def known_and_outside(
    counts: dict, labels: Collection[str]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Known faces per split, and outside ones per label and split."""
    known = {split: sum(n for name, n in of.items() if name in labels) for split, of in counts.items()}
    outside: dict[str, dict[str, int]] = {}
    for name in EXPRESSIONS:
        of = {split: row[name] for split, row in counts.items() if name not in labels and row.get(name)}
        if of:
            outside[name] = of
    return {split: faces for split, faces in known.items() if faces}, outside


def official_split(data: dict, split: str) -> str:
    """What a split is officially, or how it came about."""
    origins = (data.get("origins") or {}).get(split)
    if origins is None:  # runs from before that was kept; data with a note on its splits has them officially
        origins = [split] if data.get("note") and data.get("name") in OFFICIAL else []
    if origins == [split] and split:
        return OFFICIAL.get(data.get("name"), {}).get(split, f"the data's own {split} split")
    if origins == ["validation"]:
        return "the data's own validation split"
    if not origins:
        return ""
    return _UNSPLIT if "" in origins else _HELD_OUT


def chosen_on(info: dict) -> str:
    """The faces that chose the epoch."""
    data, config = info["data"], info.get("config") or {}
    if config.get("review") == "validation":
        return "these very faces, so the score is optimistic"
    known, _ = known_and_outside(data["counts"], data["labels"])
    if not known.get("validation"):
        return "faces that run.json does not name"
    how = (data.get("origins") or {}).get("validation")
    how = {None: "", ("validation",): ", an official split"}.get(how and tuple(how), f" {_HELD_OUT}")
    return f"{known['validation']:,} validation faces{how}"
