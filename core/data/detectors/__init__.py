"""Photo -> face boxes: one file per detector, which registers it (core.data.detectors.detector) when it is imported here."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
