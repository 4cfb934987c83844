"""Plots of results: what tools/plot draws besides its timeline and its comparisons with measurements."""

import csv
import json

import matplotlib.pyplot as plt

from sweep_plots import read_rows

# Okabe and Ito's palette: told apart by colour-blind readers too.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999"]
PART_COLOURS = {"compute": "#0072B2", "bubble": "#999999", "idle": "#CCCCCC",
                "tensor_parallel": "#E69F00", "pipeline_parallel": "#009E73",
                "data_parallel": "#D55E00"}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def colours_of(names):
    """A colour for each name; those of the parts of a step are fixed, others follow the palette."""
    free = [shade for shade in PALETTE if shade not in PART_COLOURS.values()] + PALETTE
    chosen = {}
    for name in names:
        chosen[name] = PART_COLOURS.get(name) or free[len(chosen) % len(free)]
    return chosen


def plain(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def labelled(arguments):
    """[(label, path)] of LABEL=PATH words."""
    return [word.split("=", 1) if "=" in word else (word, word) for word in arguments]


def breakdown(arguments):
    """A bar for each result: where the time of an average rank goes."""
    results = [(label, load(path)) for label, path in labelled(arguments.results)]
    names = list(dict.fromkeys(part["part"] for _, result in results
                               for part in result["breakdown"] if part["average_s"] > 0))
    colours = colours_of(names)
    figure, axes = plt.subplots(figsize=(8, 1.4 + 0.55 * len(results)), constrained_layout=True)
    longest = max(sum(part["average_s"] for part in result["breakdown"]) for _, result in results)
    for row, (_, result) in enumerate(results):
        left = 0.0
        for part in result["breakdown"]:
            seconds = part["average_s"]
            if seconds <= 0:
                continue
            axes.barh(row, seconds, left=left, height=0.65, color=colours[part["part"]])
            if seconds > 0.06 * longest:
                axes.text(left + seconds / 2, row, f"{seconds:.3g} s", ha="center", va="center",
                          fontsize=8, color="white" if part["part"] == "compute" else "black")
            left += seconds
    axes.set_yticks(range(len(results)), [label for label, _ in results])
    axes.invert_yaxis()
    axes.set_xlabel("time of an average rank (s)")
    figure.legend([plt.Rectangle((0, 0), 1, 1, color=colours[name]) for name in names],
                  [name.replace("_", " ") for name in names], loc="upper center",
                  bbox_to_anchor=(0.5, 1.0 + 0.35 / figure.get_figheight()), ncol=len(names),
                  frameon=False)
    plain(axes)
    figure.savefig(arguments.picture, dpi=130, bbox_inches="tight")


def rates_of(path):
    """[(ranks, tokens/s)] of a result.json, or of a sweep's table.csv the best for each number of ranks."""
    if not path.endswith(".csv"):
        result = load(path)
        return [(result["ranks"], result["tokens_per_s"])]
    best = {}
    for row in read_rows(path):
        ranks, rate = int(float(row["ranks"])), float(row["tokens_per_s"])
        best[ranks] = max(rate, best.get(ranks, rate))
    return list(best.items())


def scaling(arguments):
    """Tokens/s against ranks, with the ideal line of the smallest, and the share of it reached."""
    points = sorted(point for _, path in labelled(arguments.results) for point in rates_of(path))
    ranks = [point[0] for point in points]
    ideal = [points[0][1] / points[0][0] * count for count in ranks]
    figure, (rate, share) = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    rate.plot(ranks, ideal, color="#999999", linestyle="--", label="linear")
    rate.plot(ranks, [point[1] for point in points], color="#0072B2", marker="o", label="simulated")
    rate.set_xscale("log", base=2)
    rate.set_yscale("log")
    rate.set_ylabel("tokens/s")
    rate.legend(frameon=False)
    share.plot(ranks, [100 * point[1] / best for point, best in zip(points, ideal)],
               color="#0072B2", marker="o")
    share.set_xscale("log", base=2)
    share.set_ylim(0, 105)
    share.set_ylabel("share of linear scaling (%)")
    for axes in (rate, share):
        axes.set_xticks(ranks, [str(count) for count in ranks])
        axes.minorticks_off()
        axes.set_xlabel("ranks")
        axes.grid(True, color="#EEEEEE")
        plain(axes)
    figure.savefig(arguments.picture, dpi=130)


def chosen_rows(arguments):
    """The lines of a CSV of spans that are asked for, in seconds: (rank, stream, category, start, end)."""
    ranks = {int(rank) for rank in arguments.ranks.split(",")} if arguments.ranks else None
    with open(arguments.trace, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            start = int(row["start_ps"]) * 1e-12
            end = start + int(row["duration_ps"]) * 1e-12
            if ranks is not None and int(row["rank"]) not in ranks:
                continue
            if end >= arguments.start and start <= arguments.end:
                yield int(row["rank"]), row["stream"], row["category"] or row["kind"], start, end


def gantt(arguments):
    """Every stream of some ranks over time, by category."""
    lanes = {}
    categories = {}
    for rank, stream, category, start, end in chosen_rows(arguments):
        lanes.setdefault((rank, stream), {}).setdefault(category, []).append((start, end - start))
        categories[category] = None
    colours = colours_of(categories)
    names = sorted(lanes)
    figure, axes = plt.subplots(figsize=(10, 1.3 + 0.3 * len(names)), constrained_layout=True)
    for row, lane in enumerate(names):
        for category, spans in lanes[lane].items():
            axes.broken_barh([(1e3 * start, 1e3 * length) for start, length in spans],
                             (row - 0.4, 0.8), facecolors=colours[category], linewidth=0)
    axes.set_yticks(range(len(names)), [f"{rank} {stream}" for rank, stream in names], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("simulated time (ms)")
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=shade) for shade in colours.values()],
                [name.replace("_", " ") for name in colours], loc="lower center",
                bbox_to_anchor=(0.5, 1.0), ncol=min(6, len(colours)), frameon=False)
    plain(axes)
    figure.savefig(arguments.picture, dpi=130, bbox_inches="tight")


def bandwidth(arguments):
    """Bus bandwidth against size, a curve for each table of `orrery collective … --json`."""
    figure, axes = plt.subplots(figsize=(6.5, 4), constrained_layout=True)
    for (label, path), shade in zip(labelled(arguments.tables), PALETTE * 8):
        rows = load(path)["rows"]
        axes.plot([row["bytes"] for row in rows], [row["busbw_Bps"] / 1e9 for row in rows],
                  color=shade, marker="o", markersize=3, label=label)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(size_text)
    axes.set_xlabel("size")
    axes.set_ylabel("bus bandwidth (GB/s)")
    axes.set_ylim(0, None)
    axes.grid(True, color="#EEEEEE")
    axes.legend(frameon=False)
    plain(axes)
    figure.savefig(arguments.picture, dpi=130)


def size_text(value, _):
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{value / factor:.0f} {unit}"
    return f"{value:.0f} B"


def published(arguments):
    """Published figures beside simulated ones, from `orrery reproduce NAME --json`."""
    report = load(arguments.report)
    figures = report["figures"]
    figure, panels = plt.subplots(len(figures), 1, squeeze=False, constrained_layout=True,
                                  figsize=(max(6, 0.75 * len(figures[0]["cases"])), 3.4 * len(figures)))
    for axes, of in zip(panels[:, 0], figures):
        cases = of["cases"]
        for offset, key, shade in ((-0.2, "published", "#999999"), (0.2, "simulated", "#0072B2")):
            axes.bar([place + offset for place in range(len(cases))],
                     [case[key] for case in cases], width=0.38, color=shade, label=key)
        for place, case in enumerate(cases):
            axes.text(place, max(case["published"], case["simulated"]),
                      f"{100 * case['difference']:+.1f} %", ha="center", va="bottom", fontsize=7)
        axes.set_xticks(range(len(cases)),
                        [case["label"] + (" *" if case["held_out"] else "") for case in cases],
                        rotation=30, ha="right", fontsize=8)
        axes.set_ylabel(f"{of['name'].replace('_', ' ')} ({of['unit']})")
        axes.legend(frameon=False)
        plain(axes)
    panels[-1, 0].set_xlabel("* held out: nothing was chosen by it")
    figure.savefig(arguments.picture, dpi=130)


def add_commands(commands):
    """The subcommands of tools/plot that this file draws."""
    for name, run, first in (("breakdown", breakdown, "results"), ("scaling", scaling, "results"),
                             ("bandwidth", bandwidth, "tables")):
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("picture")
        command.add_argument(first, nargs="+", metavar="LABEL=FILE")
        command.set_defaults(run=run)
    command = commands.add_parser("gantt", help=gantt.__doc__)
    command.add_argument("trace", help="trace.csv of `orrery run --trace=csv`")
    command.add_argument("picture")
    command.add_argument("--ranks", help="comma-separated; all when left out")
    command.add_argument("--start", type=float, default=0.0, help="seconds")
    command.add_argument("--end", type=float, default=float("inf"), help="seconds")
    command.set_defaults(run=gantt)
    command = commands.add_parser("published", help=published.__doc__)
    command.add_argument("report", help="of `orrery reproduce NAME --json`")
    command.add_argument("picture")
    command.set_defaults(run=published)
