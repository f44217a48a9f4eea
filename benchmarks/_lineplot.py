"""A small line plot as SVG: a line for what was recorded, what is shipped, and what is set to the rig."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.tape import FloatArray

COLOURS = {"recorded": "#1f77b4", "as shipped": "#d95f02", "set to the rig": "#1b9e77"}
LEFT, TOP, BOTTOM = 40, 30, 170
BELOW = 0.2
"""How far under the axis a line may go, as a share of its height."""


def svg(
    title: str,
    lines: Mapping[str, FloatArray],
    span: tuple[float, float],
    x_axis: str,
    width: int = 480,
    height: int = 200,
) -> str:
    """The lines over `x_axis`, with three levels from the lower to the upper end of `span`."""
    low, high = span
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18">{title}</text>',
    ]
    for level in (low, (low + high) / 2.0, high):
        y_of = BOTTOM - (level - low) / (high - low) * (BOTTOM - TOP)
        parts.append(f'<path d="M{LEFT},{y_of:.1f}H{width - 10}" stroke="#ddd"/>')
        parts.append(f'<text x="6" y="{y_of + 4:.1f}">{level:.1f}</text>')
    for number, (name, value) in enumerate(lines.items()):
        share = np.clip((value - low) / (high - low), -BELOW, 1.0)
        x = np.linspace(LEFT, width - 10, len(value)).tolist()
        points = " ".join(
            f"{a:.1f},{b:.1f}" for a, b in zip(x, (BOTTOM - share * (BOTTOM - TOP)).tolist(), strict=True)
        )
        parts.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="1.5" points="{points}"/>')
        parts.append(f'<text x="{width - 290 + 95 * number}" y="{height - 8}" fill="{COLOURS[name]}">{name}</text>')
    parts.append(f'<text x="{LEFT}" y="{height - 8}">{x_axis}</text></svg>')
    return "\n".join(parts) + "\n"
