"""The plots of experiments that are made of several points: one function for each, by folder's name.

Each takes [(label, result)] in the order of points.json, and the picture's name.
"""

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
RED, PURPLE, GREY = "#D55E00", "#CC79A7", "#999999"
DPI = 130


def by_series(results, separator=", "):
    """{series: [(point, result)]} of labels such as "strong, 64 GPUs", split at the last comma."""
    series = {}
    for label, result in results:
        name, point = label.rsplit(separator, 1)
        series.setdefault(name, []).append((point, result))
    return series


def share(result, seconds):
    return 100 * seconds / result["step_time_s"]


def peak_gib(result):
    return max(result["memory_peak_bytes"].values()) / 2**30


def capacity_gib(result):
    return result["memory"][0]["capacity_bytes"] / 2**30


def plain(axes):
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(axes, handles, labels):
    axes.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.14),
                ncol=len(labels), frameon=False)


def save(figure, title, picture):
    figure.suptitle(title, fontsize=11)
    figure.savefig(picture, dpi=DPI)
    plt.close(figure)


def breakdown(result):
    """[(part, share of the step in %)], from the bottom of a bar to its top."""
    exposed = result["exposed_communication_s"]
    data = exposed.get("data_parallel", 0)
    return [("compute", share(result, result["compute_s"])),
            ("exposed tensor and\npipeline parallel", share(result, sum(exposed.values()) - data)),
            ("exposed data parallel", share(result, data)),
            ("bubble and idle", share(result, result["bubble_s"] + result["idle_s"]))]


def draw_breakdowns(axes, points, title):
    colours = (BLUE, ORANGE, RED, GREY)
    names = [str(result["ranks"]) for _, result in points]
    low = [0.0] * len(points)
    for index, colour in enumerate(colours):
        heights = [breakdown(result)[index][1] for _, result in points]
        bars = axes.bar(names, heights, bottom=low, color=colour, width=0.75,
                        label=breakdown(points[0][1])[index][0])
        axes.bar_label(bars, [f"{height:.0f}" if height >= 4 else "" for height in heights],
                       label_type="center", fontsize=8,
                       color="white" if colour == BLUE else "black")
        low = [a + b for a, b in zip(low, heights)]
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("GPUs")
    axes.set_ylim(0, 100)
    plain(axes)


def scaling(results, picture):
    series = by_series(results)
    figure, (speed, strong, weak) = plt.subplots(
        1, 3, figsize=(13, 4.4), constrained_layout=True, width_ratios=(1.15, 1, 1))
    for name, colour, marker in (("strong", BLUE, "o"), ("weak", RED, "s")):
        points = series[name]
        ranks = [result["ranks"] for _, result in points]
        rates = [result["tokens_per_s"] for _, result in points]
        ideal = [rates[0] * count / ranks[0] for count in ranks]
        speed.plot(ranks, [100 * a / b for a, b in zip(rates, ideal)], color=colour, marker=marker,
                   label=f"{name} scaling")
        for count, rate, best in zip(ranks, rates, ideal):
            if count > ranks[0]:
                speed.annotate(f"{100 * rate / best:.0f}", (count, 100 * rate / best),
                               xytext=(0, 7 if name == "weak" else -14), ha="center",
                               textcoords="offset points", fontsize=8, color=colour)
    speed.axhline(100, color=GREY, linewidth=0.8, linestyle="--")
    speed.set_xscale("log", base=2)
    speed.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    speed.xaxis.set_minor_locator(NullLocator())
    speed.set_ylim(0, 112)
    speed.set_xlabel("GPUs")
    speed.set_ylabel("tokens/s for each GPU, % of the series' first point")
    speed.set_title("efficiency", fontsize=10)
    speed.legend(frameon=False, loc="lower left")
    plain(speed)
    draw_breakdowns(strong, series["strong"], "strong scaling: 256 sequences a step")
    draw_breakdowns(weak, series["weak"], "weak scaling: 8 sequences a replica")
    strong.set_ylabel("share of the step, % (average rank)")
    handles, labels = weak.get_legend_handles_labels()
    weak.legend(handles[::-1], labels[::-1], frameon=False, loc="center left",
                bbox_to_anchor=(1.0, 0.5), fontsize=9)
    save(figure, "Llama-3 70B on H100: tensor 8, pipeline 2, ZeRO 1", picture)


def schedules(results, picture):
    points = {}
    for label, result in results:
        schedule, micro_batches = label.split(", ")
        points.setdefault(schedule, {})[micro_batches] = result
    names, counts = list(points), list(next(iter(points.values())))
    colours = dict(zip(counts, (ORANGE, BLUE)))
    figure, (bubble, memory, time) = plt.subplots(
        1, 3, figsize=(13, 4.8), constrained_layout=True, sharey=True)
    height = 0.38
    for place, count in enumerate(counts):
        rows = [row + (place - 0.5) * height for row in range(len(names))]
        of = [points[name][count] for name in names]
        bubbles = [share(result, result["bubble_s"] + result["idle_s"]) for result in of]
        ideal = [100 * result["facts"]["ideal_bubble_fraction"]["value"] for result in of]
        peaks = [peak_gib(result) for result in of]
        times = [result["step_time_s"] for result in of]
        for axes, values, form in ((bubble, bubbles, "%.1f"), (memory, peaks, "%.0f"),
                                   (time, times, "%.2f")):
            bars = axes.barh(rows, values, height=height, color=colours[count], label=count)
            if axes is not bubble:
                axes.bar_label(bars, fmt=form, padding=3, fontsize=8)
        bubble.plot(ideal, rows, linestyle="none", marker="D", markersize=5, color="black",
                    markerfacecolor="white", label="closed form" if place else None)
    bubble.set_yticks(range(len(names)), names)
    bubble.invert_yaxis()
    bubble.set_xlabel("bubble and idle, % of the step (average rank)")
    memory.set_xlabel("memory of the fullest GPU, GiB")
    limit = capacity_gib(results[0][1])
    memory.axvline(limit, color=RED, linestyle="--")
    memory.text(limit, 1.02, f"capacity, {limit:.0f} GiB", ha="center", color=RED, fontsize=8,
                transform=memory.get_xaxis_transform())
    time.set_xlabel("step time, s")
    for axes in (bubble, memory, time):
        plain(axes)
        axes.set_xlim(0, axes.get_xlim()[1] * 1.08)
    handles, labels = bubble.get_legend_handles_labels()
    legend_below(memory, handles, labels)
    save(figure, "Llama-3 70B on 64 H100: tensor 8, pipeline 8", picture)


def draw_trade_off(axes, series):
    """Memory against time; of points at one height, full recomputation every n layers, the first."""
    for (name, points), colour, marker in zip(series.items(), (RED, BLUE, GREEN), "so^"):
        points = [(point, result) for point, result in points if " every " not in point]
        across = [peak_gib(result) for _, result in points]
        up = [result["step_time_s"] for _, result in points]
        axes.plot(across, up, color=colour, marker=marker, linewidth=0.8, linestyle=":",
                  label=name if "," in name else f"{name}, sequence parallelism")
        for (point, _), x, y in zip(points, across, up):
            beside = point == "selective"
            axes.annotate(point, (x, y), xytext=(9 if beside else 0, -15 if point == "none" else 8),
                          ha="left" if beside else "center", textcoords="offset points",
                          fontsize=9, color=colour)
    limit = capacity_gib(points[0][1])
    axes.axvline(limit, color="black", linestyle="--", linewidth=1)
    axes.text(limit + 1.5, 0.97, f"capacity, {limit:.0f} GiB", va="top", fontsize=9,
              transform=axes.get_xaxis_transform())
    axes.set_xlim(20, None)
    axes.set_ylim(3, 8)
    axes.set_xlabel("memory of the fullest GPU, GiB")
    axes.set_ylabel("step time, s (from 3 s)")
    axes.set_title("memory against time", fontsize=10)
    axes.legend(title="attention", frameon=False, fontsize=9, loc="upper right",
                bbox_to_anchor=(1.0, 0.93))


def draw_checkpoints(axes, points):
    """What is live at the fullest moment, by layers from one checkpoint to the next."""
    full = [(point.rsplit(" ", 1)[-1] if " every " in point else "1", result)
            for point, result in points if point != "none"]
    names = [name for name, _ in full]
    heights = [result["memory"][0]["holds_bytes"]["activations"] / 2**30 for _, result in full]
    axes.bar_label(axes.bar(names, heights, color=GREEN, width=0.6), fmt="%.1f", padding=2)
    axes.set_xlabel("layers from one checkpoint to the next, of 20")
    axes.set_ylabel("activations at the fullest moment, GiB")
    axes.set_title("full recomputation, no sequence parallelism", fontsize=10)


def recomputation(results, picture):
    series = by_series(results)
    figure, (trade_off, checkpoints) = plt.subplots(
        1, 2, figsize=(12, 4.8), constrained_layout=True, width_ratios=(1.7, 1))
    draw_trade_off(trade_off, series)
    draw_checkpoints(checkpoints, series["flash, no sequence parallelism"])
    plain(trade_off)
    plain(checkpoints)
    save(figure, "Llama-3 70B on 32 H100: tensor 8, pipeline 4, 1F1B", picture)


# What the critical path is made of, as (cause, category of communication).
CAUSES = {"math": (BLUE, "arithmetic"), "memory": (SKY, "device memory"),
          "launch": (PURPLE, "kernel launch"), "communication": (ORANGE, "communication"),
          "other": (GREY, "waits and delays")}


def seconds_by_cause(result):
    seconds = dict.fromkeys(CAUSES, 0.0)
    for part in result["critical_path"]:
        seconds[part["cause"] if part["cause"] in CAUSES else "other"] += part["time_s"]
    return seconds


def fp8(results, picture):
    series = by_series(results)
    shown = [cause for cause in CAUSES
             if any(seconds_by_cause(result)[cause] > 0 for _, result in results)]
    figure, axes = plt.subplots(figsize=(11, 5), constrained_layout=True)
    width = 0.36
    for group, points in enumerate(series.values()):
        whole = points[0][1]["step_time_s"]  # in bf16
        for place, (precision, result) in enumerate(points):
            x, low = group + (place - 0.5) * (width + 0.04), 0.0
            for cause, seconds in seconds_by_cause(result).items():
                part = 100 * seconds / whole
                axes.bar(x, part, bottom=low, width=width, color=CAUSES[cause][0])
                if part >= 4:
                    axes.text(x, low + part / 2, f"{part:.0f}", ha="center", va="center",
                              fontsize=8, color="white" if cause == "math" else "black")
                low += part
            axes.text(x, low + 1.5, precision, ha="center", fontsize=8)
            if precision == "fp8":
                axes.text(x, low + 6, f"{100 / low:.2f} x", ha="center", fontsize=10,
                          fontweight="bold")
    axes.set_xticks(range(len(series)), [
        f"{name.replace(', ', chr(10))}\n{points[0][1]['ranks']} GPUs"
        for name, points in series.items()])
    axes.set_ylim(0, 112)
    axes.set_ylabel("critical path, % of the step in bf16")
    axes.tick_params(axis="x", length=0)
    legend_below(axes, [plt.Rectangle((0, 0), 1, 1, color=CAUSES[cause][0]) for cause in shown],
                 [CAUSES[cause][1] for cause in shown])
    plain(axes)
    save(figure, "Llama-3 with fp8 products of layers against bf16, on H100", picture)


def all_reduce_rows(path):
    """{transport: [(bytes, bytes/s on the bus)]} of a table that `orrery collective` gave."""
    series = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            series.setdefault(row["transport"], []).append(
                (int(row["bytes"]), float(row["busbw_Bps"])))
    return series


def transports(results, picture):
    colours = {"RDMA": BLUE, "TCP": RED}
    figure, (bus, rate, parts) = plt.subplots(
        1, 3, figsize=(13, 4.4), constrained_layout=True, width_ratios=(1.15, 1, 1))
    for name, rows in all_reduce_rows(Path(picture).parent / "all_reduce.csv").items():
        bus.plot([size for size, _ in rows], [value / 1e9 for _, value in rows],
                 color=colours[name], marker="o", markersize=4, label=name)
    for name, capacity in (("RDMA", 100), ("TCP", 10)):
        bus.axhline(capacity, color=colours[name], linewidth=0.8, linestyle="--")
    bus.set_xscale("log", base=2)
    bus.xaxis.set_major_formatter(FuncFormatter(size_text))
    bus.set_yscale("log")
    bus.set_title("all-reduce, 16 GPUs; dashed: the adapters", fontsize=10)
    bus.set_xlabel("size")
    bus.set_ylabel("bus bandwidth, GB/s")
    bus.legend(frameon=False, loc="lower right")
    series = by_series(results)
    for name, points in series.items():
        ranks = [result["ranks"] for _, result in points]
        rate.plot(ranks, [result["tokens_per_s"] / result["ranks"] for _, result in points],
                  color=colours[name], marker="o", label=name)
    rate.set_xscale("log", base=2)
    rate.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    rate.xaxis.set_minor_locator(NullLocator())
    rate.set_ylim(0, None)
    rate.set_xlabel("GPUs")
    rate.set_ylabel("tokens/s for each GPU")
    rate.legend(frameon=False)
    draw_breakdowns(parts, series["TCP"], "over TCP")
    parts.set_ylabel("share of the step, % (average rank)")
    handles, labels = parts.get_legend_handles_labels()
    parts.legend(handles[::-1], labels[::-1], frameon=False, loc="center left",
                 bbox_to_anchor=(1.0, 0.5), fontsize=9)
    for axes in (bus, rate):
        plain(axes)
    save(figure, "Nodes of 8 A100 on 800 Gbit/s of RDMA or 80 Gbit/s of TCP/IP; a step of "
         "Llama-3 8B, ZeRO 2", picture)


def size_text(value, _):
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{value / factor:.0f} {unit}"
    return f"{value:.0f} B"


PLOTS = {"scaling": scaling, "schedules": schedules, "recomputation": recomputation, "fp8": fp8,
         "transports": transports}
