// The other pictures of the page, as SVG or a canvas, and its tables.

const SVG = "http://www.w3.org/2000/svg";

const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const drawn = (name, attributes = {}, text = "") => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== "") node.textContent = text;
  return node;
};
const picture = (width, height, title) => {
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  svg.append(drawn("title", {}, title));
  return svg;
};

const legend = (causes) =>
  element("div", {}, ...causes.map((cause) => element("span", { class: "legend-item" },
    element("span", { class: "swatch", style: `background: var(--c${colours(cause)})` }), words(cause))));

// Numbers stand right; `numbers` are the columns that hold some.
const table = (head, rows, numbers = []) => {
  const cell = (name, text, column) =>
    element(name, numbers.includes(column) ? { class: "number" } : {}, text);
  return element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((text, i) => cell("th", text, i)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((text, i) => cell("td", text, i)))))));
};

// Horizontal bars of parts that sum to the whole, one for each row {name, parts}.
const stackedBars = (rows, whole, title) => {
  const left = 190;
  const width = 1000;
  const bar = 20;
  const svg = picture(width, rows.length * (bar + 4) + 4, title);
  rows.forEach((row, at) => {
    const y = 2 + at * (bar + 4);
    svg.append(drawn("text", { x: left - 8, y: y + 15, "text-anchor": "end" }, row.name));
    let x = left;
    for (const [cause, share] of row.parts) {
      const length = (share / whole) * (width - left - 4);
      if (length <= 0) continue;
      const rect = drawn("rect", { x, y, width: length, height: bar,
        style: `fill: var(--c${colours(cause)})`, "fill-opacity": cause === "idle" ? 0.45 : 1 });
      rect.append(drawn("title", {}, `${row.name}: ${words(cause)} ${timeText(share * 1e12)}, ${percentText(share / whole)}`));
      svg.append(rect);
      if (length > 44) {
        svg.append(drawn("text", { x: x + 4, y: y + 15, style: `fill: ${inkOn(cause)}; font-size: 11px` }, percentText(share / whole, 0)));
      }
      x += length;
    }
  });
  return svg;
};

const averageParts = (result) => [["compute", result.compute_s],
  ...Object.entries(result.exposed_communication_s), ["bubble", result.bubble_s], ["idle", result.idle_s]];

const drawBreakdown = (into, run, whole) => {
  const rows = [{ name: `average of ${run.result.ranks} ranks`, parts: averageParts(run.result) },
    ...run.breakdown.ranks.map((rank) => ({ name: rankText(rank.rank, rank.alike), parts: Object.entries(rank.parts_s) }))];
  const causes = [...new Set(rows.flatMap((row) => row.parts.filter((part) => part[1] > 0).map((part) => part[0])))];
  into.append(legend(causes), stackedBars(rows, whole, "where the time of each rank goes"));
  if (run.breakdown.left_out > 0) {
    into.append(element("p", { class: "note" }, `${run.breakdown.left_out} more ranks are not shown here.`));
  }
};

// Memory of one rank by category, stacked, with what the device has.
const drawMemory = (into, run) => {
  const { categories, rank, alike } = run.memory;
  const use = run.result.memory[0];
  if (categories.length === 0 || use === undefined) {
    into.append(element("p", {}, "Nothing is kept in the memory of a device."));
    return;
  }
  const width = 1000;
  const height = 240;
  const left = 70;
  const bottom = height - 22;
  const stretches = run.stretches;
  const most = Math.max(use.capacity_bytes, use.peak_bytes) * 1.03;
  const x = (at) => left + (at / stretches) * (width - left - 6);
  const y = (bytes) => bottom - (bytes / most) * (bottom - 8);
  const svg = picture(width, height, `memory of rank ${rank} over time, by what it holds`);
  const base = new Float64Array(stretches);
  const order = [...categories].sort((a, b) => Math.min(...b.bytes) - Math.min(...a.bytes));
  order.forEach((held, index) => {
    let path = "";
    for (let at = 0; at < stretches; ++at) {
      path += `${at === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(base[at] + held.bytes[at]).toFixed(1)} H${x(at + 1).toFixed(1)} `;
    }
    for (let at = stretches - 1; at >= 0; --at) {
      path += `L${x(at + 1).toFixed(1)} ${y(base[at]).toFixed(1)} H${x(at).toFixed(1)} `;
      base[at] += held.bytes[at];
    }
    const area = drawn("path", { d: path + "Z", style: `fill: var(--c${index % 8})` });
    area.append(drawn("title", {}, `${held.name}: up to ${bytesText(Math.max(...held.bytes))}`));
    svg.append(area);
  });
  svg.append(drawn("line", { x1: left, x2: width - 6, y1: y(use.capacity_bytes), y2: y(use.capacity_bytes),
    style: "stroke: var(--ink); stroke-dasharray: 5 3" }));
  svg.append(drawn("text", { x: width - 8, y: y(use.capacity_bytes) + 14, "text-anchor": "end" },
    `${bytesText(use.capacity_bytes)} of a ${use.device}`));
  for (let tick = 0; tick <= 4; ++tick) {
    const bytes = (use.capacity_bytes * tick) / 4;
    svg.append(drawn("text", { x: left - 6, y: y(bytes) + 4, "text-anchor": "end", class: "soft" }, bytesText(bytes)));
  }
  svg.append(drawn("text", { x: left, y: height - 6, class: "soft" }, "0"));
  svg.append(drawn("text", { x: width - 6, y: height - 6, "text-anchor": "end", class: "soft" }, timeText(run.makespan_ps)));
  into.append(element("div", {}, ...order.map((held, index) => element("span", { class: "legend-item" },
    element("span", { class: "swatch", style: `background: var(--c${index % 8})` }), words(held.name)))));
  into.append(svg, element("p", { class: "note" },
    `The fullest device: ${rankText(rank, alike)}, ${bytesText(use.peak_bytes)} at ${timeText(use.peak_at_s * 1e12)}.`));
};

// One hue, from the page's own colour to full: read alike with any colour vision.
const heatColour = (share) => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const from = dark ? [29, 35, 41] : [246, 248, 250];
  const to = dark ? [255, 214, 92] : [0, 50, 110];
  const mixed = from.map((part, i) => Math.round(part + (to[i] - part) * Math.min(1, share)));
  return `rgb(${mixed.join(",")})`;
};

const drawLoad = (into, run) => {
  const { rows, left_out, idle } = run.load;
  if (rows.length === 0) {
    into.append(element("p", {}, "Nothing was loaded."));
    return;
  }
  const width = 1000;
  const left = 250;
  const height = 15;
  const svg = picture(width, rows.length * height + 24, "utilisation of resources over time");
  rows.forEach((row, at) => {
    const name = row.name + (row.alike > 1 ? ` (×${row.alike})` : "");
    svg.append(drawn("text", { x: left - 8, y: at * height + 12, "text-anchor": "end", style: "font-size: 11px" }, name));
    const step = (width - left - 4) / run.stretches;
    for (let i = 0; i < run.stretches; ) {
      let end = i + 1;  // equal neighbours share a rectangle
      const level = Math.round(row.utilisation[i] * 50);
      while (end < run.stretches && Math.round(row.utilisation[end] * 50) === level) ++end;
      const rect = drawn("rect", { x: (left + i * step).toFixed(2), y: at * height + 1,
        width: ((end - i) * step + 0.3).toFixed(2), height: height - 2, fill: heatColour(level / 50) });
      rect.append(drawn("title", {}, `${name}: ${percentText(level / 50, 0)} from ${timeText((i / run.stretches) * run.makespan_ps)}`));
      svg.append(rect);
      i = end;
    }
  });
  const below = rows.length * height + 16;
  svg.append(drawn("text", { x: left, y: below, class: "soft" }, "0"));
  svg.append(drawn("text", { x: width - 4, y: below, "text-anchor": "end", class: "soft" }, timeText(run.makespan_ps)));
  const scale = element("div", { class: "legend-item" }, "utilisation 0 %",
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => element("span", { class: "swatch", style: `background: ${heatColour(share)}` })), "100 %");
  into.append(scale, svg);
  const notes = [left_out > 0 ? `${left_out} less loaded ones are not shown` : "", idle > 0 ? `${idle} carried nothing` : ""].filter((note) => note !== "");
  if (notes.length > 0) into.append(element("p", { class: "note" }, notes.join("; ") + "."));
};

const drawPath = (into, run) => {
  const whole = run.makespan_ps / 1e12;
  const causes = run.result.critical_path.map((step) => [step.category ?? step.cause, step.time_s]);
  into.append(element("p", {}, `Bound by ${run.result.bound_by}.`));
  into.append(legend([...new Set(causes.map((cause) => cause[0]))]),
    stackedBars([{ name: "critical path", parts: causes }], whole, "the critical path by cause"));
  into.append(element("p", { class: "note" }, `Of its communication ${timeText(run.result.critical_path_between_nodes_s * 1e12)} are between nodes.`));
  into.append(element("h3", {}, "What it consists of"), table(["op", "steps", "time", "waited before", "share"],
    run.path.slice(0, 15).map((step) => [step.name, String(step.steps), timeText(step.time_s * 1e12),
      timeText(step.wait_s * 1e12), percentText((step.time_s + step.wait_s) / whole)]), [1, 2, 3, 4]));
  if (run.what_if.length === 0) return;
  into.append(element("h3", {}, "If it were 10 % faster"));
  into.append(table(["resources", "simulated", "by the critical path alone", "step"],
    run.what_if.map((answer) => [words(answer.faster), changeText(answer.change),
      changeText(answer.critical_path_estimate), timeText(answer.makespan_s * 1e12)]), [1, 2, 3]));
  into.append(element("p", { class: "note" }, "Simulated: the whole run again with the faster resource. By the critical path alone: the time of that resource on it, shortened, as if nothing else then became critical."));
};

const drawOps = (into, runs) => {
  const [sums, others] = runs.map((run) => sumsByLabel(run.spans));
  if (others === undefined) {
    into.append(table(["op", "what", "spans", "rank-time", "mean"], sums.slice(0, 40).map((sum) =>
      [sum.name, words(sum.cause), String(sum.count), timeText(sum.time), timeText(sum.time / sum.count)]), [2, 3, 4]));
    return;
  }
  const rows = [...new Set([...sums, ...others].map((sum) => sum.name))].map((name) => {
    const none = { count: 0, time: 0 };
    const a = sums.find((sum) => sum.name === name) ?? none;
    const b = others.find((sum) => sum.name === name) ?? none;
    return { name, a, b, by: b.time - a.time };
  });
  rows.sort((one, other) => Math.abs(other.by) - Math.abs(one.by));
  into.append(table(["op", "spans", "rank-time", "spans of the other", "rank-time of the other", "difference"],
    rows.slice(0, 40).map((row) => [row.name, String(row.a.count), timeText(row.a.time), String(row.b.count),
      timeText(row.b.time), (row.by > 0 ? "+" : "") + timeText(row.by)]), [1, 2, 3, 4, 5]));
};
