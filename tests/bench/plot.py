"""Curves as an SVG file, written by hand: no library for some lines."""

import math
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 640, 360, 64, 48, 24, 24
_COLOURS = ("#1f6feb", "#8b949e", "#d29922", "#2da44e")


def curves(found: Mapping[str, Sequence[tuple[float, float]]], *, x: str, y: str) -> str:
    """Named curves over logarithmic axes that begin at the smallest values and end at the largest."""
    points = [point for curve in found.values() for point in curve]
    across = _Axis([point[0] for point in points], start=_LEFT, end=_WIDTH - _RIGHT)
    up = _Axis([point[1] for point in points], start=_HEIGHT - _BOTTOM, end=_TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for value in across.ticks():
        place = across.place(value)
        parts.append(f'<path d="M{place:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#eaeef2"/>')
        parts.append(f'<text x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    for value in up.ticks():
        place = up.place(value)
        parts.append(f'<path d="M{_LEFT} {place:.1f}H{_WIDTH - _RIGHT}" stroke="#eaeef2"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{value:g}</text>')
    for number, (name, curve) in enumerate(found.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{across.place(a):.1f},{up.place(b):.1f}" for a, b in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_LEFT + 12}" y="{_TOP + 16 * (number + 1)}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{x}</text>')
    parts.append(f'<text transform="translate(16 {_HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">{y}</text>')
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    def __init__(self, values: Sequence[float], *, start: float, end: float) -> None:
        self._low, self._high = math.log2(min(values)), math.log2(max(values))
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        span = (self._high - self._low) or 1
        return self._start + (self._end - self._start) * (math.log2(value) - self._low) / span

    def ticks(self) -> list[float]:
        """The powers of two on the axis."""
        return [2.0**power for power in range(math.ceil(self._low), math.floor(self._high) + 1)]
