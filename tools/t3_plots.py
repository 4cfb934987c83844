"""The plots of experiments/t3: bars as the paper draws them, and what sensitivities show."""

from points_plots import BLUE, GREEN, GREY, ORANGE, RED, SKY, plain, plt, save

SHOWN = {"t3": ("T3", SKY), "t3_mca": ("T3-MCA", BLUE), "ideal_overlap": ("ideal overlap", ORANGE),
         "ideal_nmc": ("ideal overlap, updates near memory", GREEN)}
TRAFFIC = (("product", "read", "GEMM reads", BLUE), ("product", "written", "GEMM writes", SKY),
           ("reduce_scatter", "read", "RS reads", RED),
           ("reduce_scatter", "written", "RS writes", ORANGE),
           ("all_gather", None, "all-gather", GREY))


def speedups(case, configuration):
    values = case["values"]
    return values["sequential"]["/sublayer_time_s"] / values[configuration]["/sublayer_time_s"]


def draw_sublayers(axes, cases):
    """Grouped bars of every sublayer, networks apart."""
    width = 0.8 / len(SHOWN)
    places, labels, at = [], [], 0.0
    before = None
    for case in cases:
        network, degree, sublayer = case["label"].split(", ")
        if before not in (None, (network, degree)):
            at += 0.7
        if before != (network, degree):
            axes.text(at - 0.4, 1.585, f"{network}\n{degree}", fontsize=8, va="bottom")
        before = (network, degree)
        for index, (configuration, (_, colour)) in enumerate(SHOWN.items()):
            axes.bar(at + (index - 1.5) * width, speedups(case, configuration) - 1, bottom=1,
                     width=width, color=colour)
        places.append(at)
        labels.append(sublayer)
        at += 1
    axes.set_xticks(places, labels, fontsize=7)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xlim(-0.7, at - 0.3)
    axes.set_ylim(0.95, 1.58)
    axes.set_ylabel("speedup over sequential")
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=colour) for _, colour in SHOWN.values()],
                [name for name, _ in SHOWN.values()], frameon=False, ncol=4, fontsize=8,
                loc="upper center", bbox_to_anchor=(0.5, -0.08))
    plain(axes)


def draw_figures(axes, figures):
    """Published beside simulated."""
    names = [figure["name"] + (" (fitted)" if figure["fitted"] else "") for figure in figures]
    rows = range(len(figures))
    axes.barh([row - 0.2 for row in rows], [100 * figure["published"] for figure in figures],
              height=0.38, color=GREY, label="published")
    axes.barh([row + 0.2 for row in rows], [100 * figure["simulated"] for figure in figures],
              height=0.38, color=BLUE, label="simulated")
    for row, figure in zip(rows, figures):
        for value, shift in ((figure["published"], -0.2), (figure["simulated"], 0.2)):
            axes.text(100 * value + 1, row + shift, f"{100 * value:.0f}", va="center", fontsize=7)
    axes.set_yticks(list(rows), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("percent; speedups: 100 is sequential")
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.45))
    plain(axes)


def configurations(report, picture):
    """From `orrery reproduce t3 --json`."""
    figure, (bars, published) = plt.subplots(
        2, 1, figsize=(13, 10), constrained_layout=True, height_ratios=(1, 1.15))
    draw_sublayers(bars, report["cases"])
    draw_figures(published, report["figures"])
    save(figure, "T3: sublayers simulated, and its published figures beside ours", picture)


def split(results):
    """{series: [(x, gains over the series' sequential point)]} of "series: x, configuration"."""
    series = {}
    for label, result in results:
        name, point = label.split(": ")
        place, configuration = point.rsplit(", ", 1)
        series.setdefault(name, {}).setdefault(place, {})[configuration] = result
    return series


def sensitivity(results, picture):
    series = split(results)
    figure, grid = plt.subplots(1, len(series), figsize=(3.6 * len(series), 4),
                                constrained_layout=True, sharey=True)
    colours = {"t3": SKY, "t3_mca": BLUE, "ideal": GREEN}
    for axes, (name, places) in zip(grid, series.items()):
        usual = next(iter(places.values()))["sequential"]  # where nothing of it changes
        for configuration, colour in colours.items():
            gains = [(place, at.get("sequential", usual)["sublayer_time_s"] /
                      at[configuration]["sublayer_time_s"])
                     for place, at in places.items() if configuration in at]
            if gains:
                axes.plot(*zip(*gains), marker="o", color=colour,
                          label={"t3": "T3", "t3_mca": "T3-MCA", "ideal": "ideal"}[configuration])
        axes.set_xlabel(name)
        axes.tick_params(axis="x", labelsize=8)
        plain(axes)
    grid[0].set_ylabel("speedup over sequential on the same machine")
    grid[0].legend(frameon=False)
    save(figure, "T3 on T-NLG, TP 8: what its gain depends on; links and HBM of FC-2, tracker of OP over 75 GB/s", picture)


def h100(results, picture):
    figure, (gain, traffic) = plt.subplots(1, 2, figsize=(12, 4.4), constrained_layout=True)
    series = split(results)
    places, labels, at = [], [], 0
    colours = {"t3": SKY, "t3_mca": BLUE, "ideal": GREEN}
    bars = {}
    for network, sublayers in series.items():
        for sublayer, of in sublayers.items():
            base = of["sequential"]["sublayer_time_s"]
            for index, (configuration, colour) in enumerate(colours.items()):
                bars[configuration] = gain.bar(
                    at + (index - 1) * 0.27, base / of[configuration]["sublayer_time_s"] - 1,
                    bottom=1, width=0.27, color=colour)
            parts = [("sequential", -0.2), ("t3_mca", 0.2)]
            for configuration, shift in parts:
                by_category = of[configuration]["memory_traffic_bytes"]["by_category"]
                low = 0.0
                for category, what, _, colour in TRAFFIC:
                    amounts = by_category.get(category, {"read": 0, "written": 0})
                    height = (sum(amounts.values()) if what is None else amounts[what]) / 1e9
                    traffic.bar(at + shift, height, bottom=low, width=0.36, color=colour)
                    low += height
            places.append(at)
            labels.append(f"{sublayer}\n{network}")
            at += 1
    gain.set_xticks(places, labels, fontsize=8)
    gain.axhline(1, color="black", linewidth=0.8)
    gain.set_ylabel("speedup over NCCL's reduce-scatter behind the product")
    gain.legend(list(bars.values()), ["T3", "T3-MCA", "ideal"], frameon=False, fontsize=8)
    traffic.set_xticks(places, labels, fontsize=8)
    traffic.set_ylabel("HBM traffic of a GPU, GB; left sequential, right T3-MCA")
    traffic.legend([plt.Rectangle((0, 0), 1, 1, color=part[3]) for part in TRAFFIC],
                   [part[2] for part in TRAFFIC], frameon=False, fontsize=8)
    plain(gain)
    plain(traffic)
    save(figure, "What a track-and-trigger unit would bring 8 H100 on NVLink", picture)


def training(results, picture):
    """Steps as bars, in percent of the standard one of the same machine, by what they are made of."""
    machines = {}
    for label, result in results:
        machine, configuration = label.split(": ")
        machines.setdefault(machine, {})[configuration] = result
    parts = (("compute", BLUE, lambda of: of["compute_s"]),
             ("exposed communication", ORANGE,
              lambda of: sum(of["exposed_communication_s"].values())),
             ("idle", GREY, lambda of: of["bubble_s"] + of["idle_s"]))
    shown = [part for part in parts
             if any(part[2](of) > 1e-3 * of["step_time_s"] for _, of in results)]
    figure, grid = plt.subplots(1, len(machines), figsize=(12, 4.6), constrained_layout=True,
                                sharey=True)
    for axes, (machine, configurations) in zip(grid, machines.items()):
        whole = configurations["standard"]["step_time_s"]
        for place, result in enumerate(configurations.values()):
            low = 0.0
            for name, colour, seconds in shown:
                height = 100 * seconds(result) / whole
                axes.bar(place, height, bottom=low, width=0.7, color=colour,
                         label=name if place == 0 else None)
                low += height
            axes.text(place, low + 1, f"{low:.0f}", ha="center", fontsize=9)
        axes.set_xticks(range(len(configurations)),
                        [name.replace(", ", "\n").replace(" ", "\n") for name in configurations],
                        fontsize=8)
        axes.set_title(f"{machine}: {whole:.2f} s", fontsize=10)
        plain(axes)
    grid[0].set_ylabel("step, % of the standard one")
    grid[0].set_ylim(0, 122)
    grid[-1].legend(frameon=False, fontsize=9, loc="upper right", ncol=3)
    save(figure, "A whole training step with products that trigger their reductions", picture)
