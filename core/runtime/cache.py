"""Where the program keeps what it can make again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The user's cache folder for this program, created if need be; AFFECTOSCOPE_CACHE overrides it."""
    override = os.environ.get("AFFECTOSCOPE_CACHE")
    folder = Path(override).expanduser() if override else platformdirs.user_cache_path("affectoscope")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
