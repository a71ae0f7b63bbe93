"""The test-time augmentations that run.json and other documents name."""

from typing import Literal

from core.errors import AffectoscopeError

TestTimeAugmentation = Literal["none", "mirror", "ten-crop"]

#: Forward passes per face, in ascending order.
PASSES: dict[TestTimeAugmentation, int] = {"none": 1, "mirror": 2, "ten-crop": 10}

#: Descriptions for reports; empty without augmentation.
DESCRIPTIONS: dict[TestTimeAugmentation, str] = {
    "none": "",
    "mirror": "averaged over each face and its mirror image",
    "ten-crop": "averaged over ten crops of each face",
}

#: Names in files of earlier versions.
_EARLIER = {"one": "none", "ten": "ten-crop"}


def parse_augmentation(name: object) -> TestTimeAugmentation:
    """Validate the name of an augmentation; names of earlier versions are translated.

    Raises:
        AffectoscopeError: the name is unknown.
    """
    name = _EARLIER.get(str(name), str(name))
    if name not in PASSES:
        raise AffectoscopeError(
            f"Unknown test-time augmentation '{name}'; expected one of {', '.join(PASSES)}."
        )
    return name


def run_augmentation(info: dict) -> TestTimeAugmentation:
    """The augmentation of a run's predictions, from the content of run.json; "none" for older runs.

    Raises:
        AffectoscopeError: run.json names an unknown augmentation.
    """
    entry = info.get("test_time_augmentation") or {"chosen": "none"}
    return parse_augmentation(entry.get("chosen") if isinstance(entry, dict) else entry)
