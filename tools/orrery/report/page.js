// Puts the page together.

const startPage = () => {
  const began = performance.now();
  const { runs } = JSON.parse(document.getElementById("data").textContent);
  runs.forEach(decodeRun);
  const [run, other] = runs;
  const at = (id) => document.getElementById(id);
  const whole = Math.max(...runs.map((one) => one.makespan_ps)) / 1e12;

  const title = run.name || run.what;
  document.title = title + " — orrery";
  at("title").textContent = title;
  at("what").textContent = runs.map((one) => one.what).join(" — and — ");
  for (const section of document.querySelectorAll("main > section")) {
    if (section.id === "difference" && other === undefined) continue;
    at("parts").append(element("a", { href: "#" + section.id }, section.querySelector("h2").textContent));
  }

  const cardsOf = (one) => {
    const result = one.result;
    const use = result.memory[0];
    const figures = [[timeText(one.makespan_ps), words(one.headline)],
      result.tokens_per_s === undefined ? null : [threeDigits(result.tokens_per_s), "tokens/s"],
      result.mfu === undefined ? null : [percentText(result.mfu), "MFU"],
      [percentText(result.compute_s / (one.makespan_ps / 1e12)), "computing"],
      use === undefined ? null : [bytesText(use.peak_bytes), `of ${bytesText(use.capacity_bytes)}, fullest device`],
      [String(result.ranks), "ranks"]].filter((figure) => figure !== null);
    return element("div", { class: "cards" }, ...figures.map(([figure, what]) =>
      element("div", { class: "card" }, element("b", {}, figure), element("span", {}, what))));
  };
  for (const one of runs) {
    if (runs.length > 1) at("summary").append(element("h3", {}, one.folder));
    at("summary").append(cardsOf(one), element("p", {}, "Bound by " + one.result.bound_by + "."));
    const holding = one.result.checks.filter((check) => check.holds).length;
    at("summary").append(element("p", {}, `Checks: ${holding} of ${one.result.checks.length} hold.`));
    for (const warning of one.result.warnings) {
      at("summary").append(element("p", { class: "warning" }, warning));
    }
  }

  if (other !== undefined) {
    at("difference").hidden = false;
    const figures = [["whole run", run.makespan_ps, other.makespan_ps]];
    const names = new Set([...averageParts(run.result), ...averageParts(other.result)].map((part) => part[0]));
    const part = (one, name) => (averageParts(one.result).find((each) => each[0] === name)?.[1] ?? 0) * 1e12;
    for (const name of names) figures.push([words(name), part(run, name), part(other, name)]);
    const rows = figures.map(([name, a, b]) => [name, timeText(a), timeText(b), (b > a ? "+" : "") + timeText(b - a),
      a > 0 ? changeText((b - a) / a) : ""]);
    const peak = (one) => one.result.memory[0]?.peak_bytes ?? 0;
    rows.push(["memory, fullest device", bytesText(peak(run)), bytesText(peak(other)),
      (peak(other) > peak(run) ? "+" : "") + bytesText(peak(other) - peak(run)),
      peak(run) > 0 ? changeText((peak(other) - peak(run)) / peak(run)) : ""]);
    at("difference").append(table(["average over ranks", run.folder, other.folder, "difference", ""], rows, [1, 2, 3, 4]));
  }

  const forEach = (id, draw) => runs.forEach((one) => {
    if (runs.length > 1) at(id).append(element("h3", {}, one.folder));
    draw(at(id), one);
  });
  forEach("breakdown", (into, one) => drawBreakdown(into, one, whole));
  forEach("load", drawLoad);
  forEach("memory", drawMemory);
  forEach("path", drawPath);
  drawOps(at("ops"), runs);
  forEach("source", (into, one) => {
    const result = one.result;
    into.append(element("p", {}, `orrery ${result.version}, scenario ${result.scenario_fnv1a}, seed ${result.seed}, `
      + `collectives: ${result.collective_library}.`));
    into.append(element("details", {}, element("summary", {}, "catalogue files and their hashes"),
      table(["file", "FNV-1a"], Object.entries(result.catalog_fnv1a))));
    into.append(element("details", {}, element("summary", {}, "the scenario, with everything resolved"),
      element("pre", {}, JSON.stringify(result.scenario, null, 1))));
  });

  startTimeline(runs, at);
  document.documentElement.dataset.ready = (performance.now() - began).toFixed(1);
};

const startTimeline = (runs, at) => {
  const causes = [...new Set(runs.flatMap((run) => run.spans.causes))];
  at("legend").append(legend([...causes, "wait"]),
    element("span", { class: "note" }, "a bar below an op: it is on the critical path"));
  const says = (mark) => {
    if (mark === null) {
      at("selected").textContent = "";
      return;
    }
    const spans = runs[mark.run].spans;
    const i = mark.span;
    const lane = spans.lanes[spans.lane[i]];
    const parts = [spans.labels[spans.label[i]], rankText(lane.rank, lane.alike), lane.stream,
      timeText(spans.length[i]), "from " + timeText(spans.start[i]), words(spans.causes[spans.cause[i]])];
    if (spans.bytes[i] > 0) parts.push(bytesText(spans.bytes[i]));
    if (spans.wait[i] > 0) parts.push("waited " + timeText(spans.wait[i]) + " for its partners");
    if (spans.isCritical[i] === 1) parts.push("on the critical path");
    at("selected").textContent = parts.join(", ");
  };
  const timeline = new Timeline(at("canvas"), runs, says);
  const search = () => {
    const matches = timeline.search(at("search").value);
    at("matches").textContent = matches < 0 ? "" : matches === 1 ? "1 match" : matches + " matches";
  };
  at("zoom-in").addEventListener("click", () => timeline.key("+"));
  at("zoom-out").addEventListener("click", () => timeline.key("-"));
  at("fit").addEventListener("click", () => timeline.fit());
  at("critical").addEventListener("click", () => timeline.key("c"));
  at("next-match").addEventListener("click", () => timeline.nextMatch());
  at("search").addEventListener("input", search);
  at("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") timeline.nextMatch();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
    at("search").focus();
    event.preventDefault();
  });
  runs.forEach((run) => {
    if (run.spans.left_out_ranks === 0) return;
    at("left-out").append(`${run.folder}: the timeline leaves out the last ${run.spans.left_out_ranks} ranks with `
      + `${run.spans.left_out_spans} spans; --max-spans asks for more. `);
  });
  window.orrery = { timeline, runs };
};

startPage();
