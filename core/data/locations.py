"""Where data sets lie on this machine, so that their images are found again.

The paths are kept in a file in the user's configuration folder: they may hold private names, so that neither a run nor
the address of a page has them.
"""

import contextlib
import json
import os
from pathlib import Path

import platformdirs

from core.runtime.files import write_json

#: Most paths that are remembered for a data set.
MOST = 8


def remember_location(name: str, path: Path) -> None:
    """Remember that a data set was read at `path`; a configuration folder that cannot be written is no error.

    Args:
        name: name of the data set's DatasetSpec.
    """
    paths = _load()
    absolute = str(path.expanduser().absolute())
    paths[name] = [absolute, *(each for each in paths.get(name, []) if each != absolute)][:MOST]
    with contextlib.suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(), paths)


def find_locations(name: str, file_name: str | None) -> list[Path]:
    """Existing paths at which the data may lie, the likeliest first.

    These are the remembered paths of the data set, the latest first, and `file_name` in the folders of the environment
    variable AFFECTOSCOPE_DATA (separated as in PATH). Paths that are called `file_name` come before the others.

    Args:
        name: name of the data set's DatasetSpec.
        file_name: last part of the path that the run was trained on.
    """
    found = [Path(path) for path in _load().get(name, [])]
    if file_name:
        folders = filter(None, os.environ.get("AFFECTOSCOPE_DATA", "").split(os.pathsep))
        for folder in (Path(each).expanduser() for each in folders):
            found += [folder if folder.name == file_name else folder / file_name]
    found = [path for path in dict.fromkeys(found) if path.exists()]
    return sorted(found, key=lambda path: path.name != file_name)


def _file() -> Path:
    override = os.environ.get("AFFECTOSCOPE_CONFIG")
    folder = Path(override).expanduser() if override else platformdirs.user_config_path("affectoscope")
    return folder / "data_sets.json"


def _load() -> dict[str, list[str]]:
    """The remembered paths; a file that is missing or damaged holds none."""
    try:
        document = json.loads(_file().read_text(encoding="utf-8"))
        return {str(name): [str(path) for path in paths] for name, paths in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
