"""The colours of the console can be read: WCAG 2 AA, in light and in dark."""

import re
from pathlib import Path

import pytest

from api.web import console

CSS = Path(console.__file__).parent.joinpath("static", "console.css").read_text(encoding="utf-8")
TEXT_ON = [
    ("text", "bg"),
    ("text", "surface"),
    ("text", "raised"),
    ("text", "hover"),
    ("muted", "bg"),
    ("muted", "surface"),
    ("muted", "raised"),
    ("muted", "hover"),
    ("accent", "surface"),
    ("accent", "accent-soft"),
    ("on-accent", "accent"),
    *((tone, f"{tone}-soft") for tone in ("ok", "low", "medium", "high", "critical")),
    *((tone, "surface") for tone in ("ok", "low", "medium", "high", "critical")),
]


def tokens(dark: bool) -> dict[str, str]:
    """Colour by name."""
    light_block, dark_block = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    blocks = (light_block, dark_block) if dark else (light_block,)
    return {name: value for block in blocks for name, value in re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", block)}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), TEXT_ON)
def test_text_can_be_read(ink: str, paper: str, dark: bool) -> None:
    found = tokens(dark)
    assert contrast(found[ink], found[paper]) >= 4.5


def test_the_measure() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_dark_says_every_colour_anew() -> None:
    light_block, dark_block = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    names = [set(re.findall(r"--([a-z-]+):\s*#", block)) for block in (light_block, dark_block)]
    assert names[0] == names[1]


def test_no_colour_outside_the_tokens() -> None:
    rest = CSS.split("/* -- elements", 1)[1]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", rest) == []
