"""A figure: small panels in one grammar, with the numbers they show.

A panel is one Vega-Lite chart as wide as its place on the page; a figure is a row of panels under
one legend, the words around them, and its numbers as a table.  Colours are CSS variables, so one
drawing serves light, dark and print; `export` puts the light colours in their place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIGHT: Mapping[str, str] = {
    "paper": "#fbfaf6",
    "card": "#ffffff",
    "ink": "#1f2a24",
    "soft": "#5c6a61",
    "line": "#e3e2d9",
    "good": "#1d7a46",
    "bad": "#b3412e",
    "even": "#6b7069",
    "open": "#8a6d1f",
    # categories: after Okabe and Ito, told apart by the colour-blind
    "c0": "#2f6f4f",
    "c1": "#d5722a",
    "c2": "#2b6ca8",
    "c3": "#b2568c",
    "c4": "#8a7a12",
    "c5": "#37a3a0",
    "c6": "#7a5bb5",
    "c7": "#6d6d6d",
    # sizes: one hue, ordered by lightness
    "s0": "#8cc7a1",
    "s1": "#5fae83",
    "s2": "#3a9070",
    "s3": "#1f6f5c",
    "s4": "#0f4c45",
    "s5": "#08302f",
}
DARK: Mapping[str, str] = {
    "paper": "#141916",
    "card": "#1b221e",
    "ink": "#e6ebe6",
    "soft": "#9daba2",
    "line": "#2e3832",
    "good": "#6cc793",
    "bad": "#ee8a72",
    "even": "#a3aaa2",
    "open": "#dcb95a",
    "c0": "#6cc08f",
    "c1": "#f0954f",
    "c2": "#6fb0ea",
    "c3": "#e08fbc",
    "c4": "#d1c04c",
    "c5": "#66cdc9",
    "c6": "#b39ae6",
    "c7": "#b5b5b5",
    "s0": "#2f6b56",
    "s1": "#3f8a6c",
    "s2": "#5aa985",
    "s3": "#82c6a0",
    "s4": "#b2dfbf",
    "s5": "#e0f4e3",
}
SERIF = (
    "'Iowan Old Style', 'Palatino Linotype', Palatino, 'URW Palladio L', P052, Georgia, "
    "'Songti SC', 'Noto Serif CJK SC', SimSun, serif"
)
SANS = (
    "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Inter, Roboto, 'Noto Sans', "
    "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
)


DASHES: Mapping[str, list[int]] = {"line": [1, 0], "dashed": [5, 3], "dotted": [2, 3]}
"""How a legend draws its lines."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend."""

    label: str
    colour: str
    """The name of a colour, as in `LIGHT`."""
    shape: str = "line"
    """`line`, `dashed`, `dotted`, `dot`, `ring` or `square`."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart."""

    title: str
    note: str = ""
    """A few words under the title, such as `lower is better`."""
    alt: str = ""
    """What the chart shows, for those who cannot see it."""
    spec: Mapping[str, Any]
    height: int = 220


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Panels that are read together."""

    name: str
    """Names the files it is written to."""
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[Any]] = field(default_factory=tuple)
    """The numbers shown, one row a mark."""
    undrawn: int = 0
    """Panels left out because nobody reads that many; their numbers are in `rows`."""


def colour(name: str) -> str:
    """Return the named colour as the page knows it."""
    return f"var(--{name})"


def write(figure: Figure, folder: Path) -> None:
    """Write `figure` as PNG, SVG, PDF and CSV into `folder`, in light colours."""
    import csv

    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    spec = json.dumps(_sheet(figure), ensure_ascii=True)
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    (folder / f"{figure.name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=2))
    (folder / f"{figure.name}.pdf").write_bytes(vl_convert.svg_to_pdf(svg))
    with (folder / f"{figure.name}.csv").open(
        "w", newline="", encoding="utf-8", errors="replace"
    ) as file:
        writer = csv.writer(file)
        writer.writerow(figure.columns)
        writer.writerows(figure.rows)


def _sheet(figure: Figure, width: int = 280) -> dict[str, Any]:
    """Set the panels side by side on one sheet, under one legend."""
    panels = [_plain(panel, width) for panel in figure.panels]
    sheet: dict[str, Any] = {
        "$schema": figure.panels[0].spec["$schema"],
        "vconcat": [
            *([_legend(figure.legend)] if figure.legend else []),
            {"concat": panels, "columns": 2 if len(panels) in (2, 4) else 3, "spacing": 36},
        ],
        "config": _static_config(),
        "background": LIGHT["card"],
        "padding": 18,
        "spacing": 14,
    }
    return dict(_resolve(sheet))


WHOLE: tuple[str, ...] = ("$schema", "config", "autosize", "datasets")
"""What a sheet has once, or not at all."""


def _plain(panel: Panel, width: int) -> dict[str, Any]:
    """Return a panel with a fixed width and its title inside."""
    spec = {k: v for k, v in panel.spec.items() if k not in WHOLE}
    own = panel.spec["datasets"]
    spec = _own_data({**spec, "layer": [_own_data(layer, own) for layer in spec["layer"]]}, own)
    title = {"text": panel.title, "subtitle": panel.note or " "}
    return {**spec, "title": title, "width": width, "height": panel.height}


def _own_data(part: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Any]:
    """Give a part its data in place of their name: on a sheet, panels would share names."""
    name = part.get("data", {}).get("name")
    return {**part, "data": {"values": datasets[name]}} if name else dict(part)


def _legend(keys: Sequence[Key]) -> dict[str, Any]:
    """Draw the legend as a row of marks and words."""
    values: list[dict[str, Any]] = []
    x = 2.0
    for key in keys:
        dash = DASHES.get(key.shape)
        mark = "line" if dash else "dot"
        ink, paper = LIGHT[key.colour], LIGHT["card"]
        fill = paper if key.shape == "ring" else ink
        values.append({"x": x, "mark": mark, "ink": ink, "fill": fill, "label": key.label})
        values[-1] |= {"middle": x + 8, "end": x + 16, "text": x + 24, "dash": dash or [1, 0]}
        x += 48 + 6.4 * len(key.label)

    def at(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": None, "axis": None}

    def own(field: str) -> dict[str, Any]:
        return {"field": field, "type": "nominal", "scale": None}

    line = {"mark": {"type": "rule", "strokeWidth": 2.4}, "transform": [_only("line")]}
    dot = {"mark": {"type": "point", "size": 70, "opacity": 1}, "transform": [_only("dot")]}
    word = {"mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12}}
    tone, dashed = own("ink"), own("dash")
    return {
        "data": {"values": values},
        "width": x,
        "height": 16,
        "view": {"stroke": None},
        "encoding": {"y": {"value": 8}},
        "layer": [
            line
            | {
                "encoding": {
                    "x": at("x"),
                    "x2": {"field": "end"},
                    "color": tone,
                    "strokeDash": dashed,
                }
            },
            dot | {"encoding": {"x": at("middle"), "stroke": tone, "fill": own("fill")}},
            word
            | {
                "encoding": {
                    "x": at("text"),
                    "text": {"field": "label"},
                    "color": {"value": LIGHT["ink"]},
                }
            },
        ],
    }


def _only(mark: str) -> dict[str, str]:
    return {"filter": f"datum.mark === '{mark}'"}


def _static_config() -> dict[str, Any]:
    """Return the page's look for a sheet that stands alone."""
    return {
        **config(),
        "font": "Inter, Noto Sans, DejaVu Sans, Noto Sans CJK SC, sans-serif",
        "title": {
            "anchor": "start",
            "fontSize": 14,
            "color": colour("ink"),
            "subtitleColor": colour("soft"),
            "offset": 10,
        },
    }


def config() -> dict[str, Any]:
    """Return the look all charts share: quiet axes, no frame, no legend of their own."""
    return {
        "font": SANS,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            "labelColor": colour("soft"),
            "titleColor": colour("soft"),
            "titleFontWeight": "normal",
            "titleFontSize": 12,
            "labelFontSize": 12,
            "gridColor": colour("line"),
            "domain": False,
            "ticks": False,
            "labelPadding": 7,
            "titlePadding": 9,
        },
        "axisX": {"grid": False, "domain": True, "domainColor": colour("line")},
        "legend": {"disable": True},
        "line": {"strokeWidth": 2.2, "strokeCap": "round", "strokeJoin": "round"},
    }


def _resolve(value: Any) -> Any:
    """Put light colours in the place of the page's variables."""
    if isinstance(value, dict):
        return {name: _resolve(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(part) for part in value]
    if isinstance(value, str) and value.startswith("var(--"):
        return LIGHT[value[6:-1]]
    return value
