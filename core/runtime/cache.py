"""Cache folder for files that can be recreated."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The user's cache folder of Affectoscope, created if it does not exist; AFFECTOSCOPE_CACHE overrides it."""
    override = os.environ.get("AFFECTOSCOPE_CACHE")
    folder = Path(override).expanduser() if override else platformdirs.user_cache_path("affectoscope")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
