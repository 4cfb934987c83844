// The data of the page: numbers come as base64 of little-endian arrays.

const bytesOf = (text) => {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
};

const decodeRun = (run) => {
  const spans = run.spans;
  spans.lane = new Uint32Array(bytesOf(spans.lane));
  spans.start = new Float64Array(bytesOf(spans.start));
  spans.length = new Float32Array(bytesOf(spans.length));
  spans.wait = new Float32Array(bytesOf(spans.wait));
  spans.label = new Uint32Array(bytesOf(spans.label));
  spans.cause = new Uint8Array(bytesOf(spans.cause));
  spans.bytes = new Float64Array(bytesOf(spans.bytes));
  spans.instance = new Uint32Array(bytesOf(spans.instance));
  spans.critical = new Uint32Array(bytesOf(spans.critical));
  spans.isCritical = new Uint8Array(spans.count);
  for (const index of spans.critical) spans.isCritical[index] = 1;
  spans.first = new Uint32Array(spans.lanes.length + 1);  // of each lane
  for (let i = 0; i < spans.count; ++i) spans.first[spans.lane[i] + 1] = i + 1;
  for (const row of run.load.rows) row.utilisation = new Float32Array(bytesOf(row.utilisation));
  for (const held of run.memory.categories) held.bytes = new Float64Array(bytesOf(held.bytes));
  return run;
};

// Spans that belong together: the members of a collective, both ends of a transfer.
const peersOf = (spans, index) => {
  const peers = [];
  for (let i = 0; i < spans.count; ++i) {
    if (i !== index && spans.instance[i] === spans.instance[index]) peers.push(i);
  }
  return peers;
};

// Sums over spans by label, the longest first. A lane that stands for many ranks counts for all.
const sumsByLabel = (spans) => {
  const sums = spans.labels.map((name) => ({ name, count: 0, time: 0, cause: "" }));
  for (let i = 0; i < spans.count; ++i) {
    const alike = spans.lanes[spans.lane[i]].alike;
    const sum = sums[spans.label[i]];
    sum.count += alike;
    sum.time += spans.length[i] * alike;
    sum.cause = spans.causes[spans.cause[i]];
  }
  return sums.sort((a, b) => b.time - a.time);
};

// Texts for people: times come in picoseconds.

const threeDigits = (number) =>
  number === 0 ? "0" : Math.abs(number) >= 1000 ? number.toFixed(0) : String(Number(number.toPrecision(3)));

const scaled = (number, units) => {
  const magnitude = Math.abs(number);
  for (const [size, unit] of units) {
    if (magnitude >= size) return threeDigits(number / size) + " " + unit;
  }
  return threeDigits(number / units[units.length - 1][0]) + " " + units[units.length - 1][1];
};

const timeText = (ps) => scaled(ps, [[1e12, "s"], [1e9, "ms"], [1e6, "µs"], [1e3, "ns"], [1, "ps"]]);
// On an axis: with the digits that tell one tick from the next.
const tickText = (ps, step) => {
  const [size, unit] = [[1e12, "s"], [1e9, "ms"], [1e6, "µs"], [1e3, "ns"], [1, "ps"]]
    .find(([least]) => ps >= least) ?? [1, "ps"];
  return (ps / size).toFixed(Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9))) + " " + unit;
};
const bytesText = (bytes) =>
  scaled(bytes, [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]]);
const percentText = (share, digits = 1) => (100 * share).toFixed(digits) + " %";
const changeText = (share) => (share > 0 ? "+" : "") + (100 * share).toFixed(2) + " %";
const words = (key) => key.replace(/_s$/, "").replaceAll("_", " ");
const rankText = (rank, alike) => "rank " + rank + (alike > 1 ? " and " + (alike - 1) + " alike" : "");

// One colour for each cause, the same on the whole page.
const colours = (() => {
  const fixed = { math: 0, compute: 0, memory: 1, launch: 6, delay: 5, bubble: 7, idle: 7, wait: 7 };
  const given = new Map();
  const free = [2, 3, 4, 5, 6];
  return (cause) => {
    if (cause in fixed) return fixed[cause];
    if (!given.has(cause)) given.set(cause, free[given.size % free.length]);
    return given.get(cause);
  };
})();
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// What can be read on it.
const inkOn = (cause) => (colours(cause) === 0 || colours(cause) === 7 ? "#ffffff" : "#000000");
const colourOf = (cause) => css("--c" + colours(cause));
