"""Mixed colours and the text that can be read on them (WCAG 2.2, relative luminance and contrast ratio)."""

#: Text and page of the light and the dark theme, as in .streamlit/config.toml.
INK, PAGE = "#1F2430", "#FFFFFF"
INK_ON_DARK, DARK_PAGE = "#E8EAF0", "#14171F"

#: What WCAG asks of ordinary text (success criterion 1.4.3).
ENOUGH = 4.5


def page_of(ink: str) -> str:
    """The colour of the page on which text is written in `ink`."""
    return DARK_PAGE if _luminance(ink) > 0.5 else PAGE


def mixed(colour: str, page: str, share: float) -> str:
    """`share` (0 to 1) of a #RRGGBB colour, the rest the page's."""
    pairs = zip(_channels(colour), _channels(page), strict=True)
    return "#" + "".join(f"{round(share * top + (1 - share) * under):02X}" for top, under in pairs)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two #RRGGBB colours, 1 (none) to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: str, ink: str) -> str:
    """The page's ink where that can be read on `colour`, else the better of black and white, which always can."""
    if contrast(colour, ink) >= ENOUGH:
        return ink
    return max("#000000", "#FFFFFF", key=lambda text: contrast(colour, text))


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
