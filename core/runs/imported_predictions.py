"""How a run without a network was made: the entry of run.json on its imported predictions."""

from dataclasses import asdict, dataclass, field

from core.metrics.text import listed
from core.runs.run import Run


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a table of predictions. Every row is in one count.

    Attributes:
        table: name of the file.
        sha256: of the file, or of the content of a table in memory.
        outputs: 'probabilities' or 'logits', as the columns held.
        columns: label -> its column in the table.
        rows: of the table.
        scored: rows of scored faces.
        other_splits: split -> rows of its faces, which are not scored.
        out_of_set: rows of faces of the scored split whose label the network does not have.
        unknown: rows about no face of the data.
        repeated: rows that repeat another one.
        not_predicted: faces of the scored split, with labels of the network, that no row is about.
        found_by: how the faces of the rows were found -> rows.
        validation: rows that the temperature was fitted on.
        order_confirmed: the user confirmed the order of the labels although another fits far better.
        options: further options of the command, as words.
    """

    table: str
    sha256: str
    outputs: str
    columns: dict[str, str]
    rows: int
    scored: int
    other_splits: dict[str, int] = field(default_factory=dict)
    out_of_set: int = 0
    unknown: int = 0
    repeated: int = 0
    not_predicted: int = 0
    found_by: dict[str, int] = field(default_factory=dict)
    validation: int = 0
    order_confirmed: bool = False
    options: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        return asdict(self)

    def sentence(self) -> str:
        """'preds.csv: logits of 8 labels in 640 rows; 600 are scored, ...'."""
        found = listed([f"{rows:,} by {how}" for how, rows in self.found_by.items()])
        parts = [f"{self.scored:,} are scored"]
        parts += [f"{rows:,} are {split or 'unsplit'} faces" for split, rows in self.other_splits.items()]
        for count, what in (
            (self.out_of_set, "are of faces with labels that the network does not have"),
            (self.unknown, "are about no face of the data and left out"),
            (self.repeated, "repeat another row"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        return (
            f"{self.table}: {self.outputs} of {len(self.columns)} labels in {self.rows:,} rows (found {found}); "
            f"{', '.join(parts)}. {self.coverage()} {self.calibration()}"
            + (
                " Another order of the labels fits far better; the user confirmed theirs."
                if self.order_confirmed
                else ""
            )
        )

    def coverage(self) -> str:
        """Whether all faces of the scored split have a prediction."""
        if not self.not_predicted:
            return "Every face of the scored split has a prediction."
        return (
            f"{self.not_predicted:,} of the {self.scored + self.not_predicted:,} faces of the scored split have no prediction: "
            "all scores are over the predicted ones."
        )

    def calibration(self) -> str:
        """What the temperature was fitted on."""
        if self.validation:
            return f"The temperature is fitted on {self.validation:,} validation faces."
        return "There is no temperature, because no validation face besides the scored ones has a prediction."


def load_import(run: Run) -> ImportReport | None:
    """How a run was imported; None for a run with a network, or with a damaged entry."""
    if run.has_network:
        return None
    try:
        return ImportReport(**run.imported_predictions)
    except TypeError:
        return None
