"""Drawings of the table of a sweep (`orrery sweep collect` writes table.csv); tools/plot sweep calls them.

Rows that did not run are left out; of a sweep with repeated seeds lines and heat maps show the mean over
what is not named, or the best of it ("--over best": the smallest, or the largest with a + behind the
metric).
"""

import csv
import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Okabe and Ito's palette.
SHADES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]


def read_rows(path):
    """The rows that were simulated and fit."""
    with open(path, encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "ok"]
    if not rows:
        raise KeyError("no row with status ok")
    return rows


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def in_order(labels):
    """Numbers by size, other labels as they come first."""
    distinct = list(dict.fromkeys(labels))
    if all(number(label) is not None for label in distinct):
        return sorted(distinct, key=float)
    return distinct


def summary(values, over, more_is_better):
    if over == "best":
        return max(values) if more_is_better else min(values)
    return statistics.fmean(values)


def grouped(rows, keys, metric, over):
    """{labels of keys: one value}."""
    name, more = metric.removesuffix("+"), metric.endswith("+")
    groups = {}
    for row in rows:
        if row[name]:
            groups.setdefault(tuple(row[key] for key in keys), []).append(float(row[name]))
    return {key: summary(values, over, more) for key, values in groups.items()}


def ticks(labels):
    """What stands at an axis: "8", not "8.0"."""
    return [label if number(label) is None else f"{float(label):g}" for label in labels]


def words(metric):
    return metric.removesuffix("+").replace("_", " ")


def shown(value):
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.2e}"


def heat_map(rows, x, y, metric, over, picture):
    cells = grouped(rows, (x, y), metric, over)
    columns = in_order(row[x] for row in rows)
    lines = in_order(row[y] for row in rows)
    values = [[cells.get((c, l), float("nan")) for c in columns] for l in lines]
    figure, axes = plt.subplots(figsize=(2.2 + 0.9 * len(columns), 1.6 + 0.6 * len(lines)),
                                constrained_layout=True)
    colours = plt.get_cmap("viridis" if metric.endswith("+") else "viridis_r").copy()
    colours.set_bad("#EEEEEE")
    image = axes.imshow(values, cmap=colours, aspect="auto", origin="lower")
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            if value == value:  # not a gap
                dark = sum(image.cmap(image.norm(value))[:3]) < 1.5
                axes.text(j, i, shown(value), ha="center", va="center", fontsize=8,
                          color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), ticks(columns))
    axes.set_yticks(range(len(lines)), ticks(lines))
    axes.set_xlabel(words(x))
    axes.set_ylabel(words(y))
    axes.set_title(words(metric) + ("" if over == "mean" else ", best"), fontsize=10)
    figure.colorbar(image, ax=axes)
    figure.savefig(picture, dpi=130)


def lines(rows, x, metric, by, over, log, picture):
    keys = (by, x) if by else (x,)
    cells = grouped(rows, keys, metric, over)
    series = in_order(row[by] for row in rows) if by else [None]
    figure, axes = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
    places = in_order(row[x] for row in rows)
    numeric = all(number(place) is not None for place in places)
    for shade, name in zip(SHADES * (1 + len(series) // len(SHADES)), series):
        points = [(place, cells[(name, place) if by else (place,)]) for place in places
                  if ((name, place) if by else (place,)) in cells]
        axes.plot([float(p) if numeric else p for p, _ in points], [v for _, v in points],
                  color=shade, marker="o", markersize=4, linewidth=1.4,
                  label=f"{by} {name}" if by else None)
    if "x" in log and numeric:
        axes.set_xscale("log", base=2)
        axes.set_xticks([float(p) for p in places], ticks(places))
        axes.minorticks_off()
    if "y" in log and all(value > 0 for value in cells.values()):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(words(x))
    axes.set_ylabel(words(metric))
    axes.grid(True, color="#EEEEEE")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if by:
        axes.legend(frameon=False)
    figure.savefig(picture, dpi=130)


def pareto(rows, x, y, by, log, picture):
    """All rows as dots, and the front of these two as a line."""
    sign = {metric: -1 if metric.endswith("+") else 1 for metric in (x, y)}
    named = {metric: metric.removesuffix("+") for metric in (x, y)}
    points = [(float(row[named[x]]), float(row[named[y]]), row) for row in rows
              if row[named[x]] and row[named[y]]]
    figure, axes = plt.subplots(figsize=(6.4, 4.4), constrained_layout=True)
    series = in_order(row[by] for _, _, row in points) if by else [None]
    for shade, name in zip(SHADES * (1 + len(series) // len(SHADES)), series):
        chosen = [point for point in points if not by or point[2][by] == name]
        axes.scatter([p[0] for p in chosen], [p[1] for p in chosen], s=14, color=shade, alpha=0.6,
                     linewidths=0, label=f"{by} {name}" if by else None)
    front = []
    for a, b, _ in sorted(points, key=lambda p: (sign[x] * p[0], sign[y] * p[1])):
        if not front or sign[y] * b < sign[y] * front[-1][1]:
            front.append((a, b))
    axes.step([a for a, _ in front], [b for _, b in front], where="post", color="#000000",
              linewidth=1, label="Pareto front")
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    axes.set_xlabel(words(x))
    axes.set_ylabel(words(y))
    axes.grid(True, color="#EEEEEE")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=130)


def draw(arguments):
    rows = read_rows(arguments.table)
    if arguments.kind == "heat_map":
        heat_map(rows, arguments.x, arguments.y, arguments.metric, arguments.over, arguments.picture)
    elif arguments.kind == "lines":
        lines(rows, arguments.x, arguments.y, arguments.by, arguments.over, arguments.log,
              arguments.picture)
    else:
        pareto(rows, arguments.x, arguments.y, arguments.by, arguments.log, arguments.picture)
