"""The test-time augmentations that run.json and other documents name."""

from typing import Literal

from core.errors import AffectoscopeError

TestTimeAugmentation = Literal["none", "mirror", "ten-crop"]

#: How often each face goes through the network, the cheapest first.
PASSES: dict[TestTimeAugmentation, int] = {"none": 1, "mirror": 2, "ten-crop": 10}

#: What scores were averaged over, in words.
DESCRIPTIONS: dict[TestTimeAugmentation, str] = {
    "none": "",
    "mirror": "averaged over each face and its mirror image",
    "ten-crop": "averaged over ten crops of each face",
}

#: Names in documents of earlier versions.
_EARLIER = {"one": "none", "ten": "ten-crop"}


def parse_augmentation(name: object) -> TestTimeAugmentation:
    """The augmentation of that name, or of that name in an earlier version.

    Raises:
        AffectoscopeError: there is none.
    """
    name = _EARLIER.get(str(name), str(name))
    if name not in PASSES:
        raise AffectoscopeError(
            f"'{name}' is no test-time augmentation; expected one of {', '.join(PASSES)}."
        )
    return name


def augmentation_of(info: dict) -> TestTimeAugmentation:
    """What a run's own predictions were averaged over, from run.json's document; "none" for older runs.

    Raises:
        AffectoscopeError: run.json names none that is known.
    """
    entry = info.get("test_time_augmentation") or {"chosen": "none"}
    return parse_augmentation(entry.get("chosen") if isinstance(entry, dict) else entry)
