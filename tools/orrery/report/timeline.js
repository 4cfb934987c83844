// The timeline: a canvas of lanes (a stream of a rank), drawn anew for every change of the view;
// timeline_drawing.js has how.

const GUTTER = 250;
const AXIS = 22;
const LANE = 18;
const MINIMUM_VIEW = 10;  // picoseconds across the canvas

class Timeline {
  constructor(canvas, runs, says) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.runs = runs;
    this.says = says;  // says(index of a run, index of a span or -1)
    this.whole = Math.max(...runs.map((run) => run.makespan_ps), 1);
    this.rows = [];  // what stands below one another: {run, lane} or {run} for a title
    runs.forEach((run, at) => {
      if (runs.length > 1) this.rows.push({ run: at, lane: -1 });
      run.spans.lanes.forEach((_, lane) => this.rows.push({ run: at, lane }));
    });
    this.from = 0;
    this.to = this.whole;
    this.top = 0;
    this.hover = null;
    this.selected = null;
    this.matching = runs.map(() => null);  // by label, while something is searched
    this.redraws = [];
    this.pending = false;
    this.listen();
    this.resize();
  }

  // No taller than its rows need.
  resize() {
    this.canvas.style.maxHeight = Math.max(AXIS + this.rows.length * LANE + 4, 120) + "px";
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    this.width = Math.max(box.width, GUTTER + 50);
    this.height = box.height;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  x(ps) {
    return GUTTER + ((ps - this.from) / (this.to - this.from)) * (this.width - GUTTER);
  }
  ps(x) {
    return this.from + ((x - GUTTER) / (this.width - GUTTER)) * (this.to - this.from);
  }
  rowAt(y) {
    const row = Math.floor((y - AXIS + this.top) / LANE);
    return y >= AXIS && row >= 0 && row < this.rows.length ? row : -1;
  }
  yOf(row) {
    return AXIS + row * LANE - this.top;
  }
  rowOf(run, lane) {
    return this.rows.findIndex((row) => row.run === run && row.lane === lane);
  }

  // The first span of a lane that ends after a time: spans of a stream follow one another.
  firstAfter(spans, lane, ps) {
    let low = spans.first[lane];
    let high = spans.first[lane + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (spans.start[middle] + spans.length[middle] < ps) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  draw() {
    const began = performance.now();
    const c = this.context;
    this.ink = { page: css("--page"), ink: css("--ink"), soft: css("--soft"), line: css("--line"),
      panel: css("--panel"), critical: css("--critical"), wait: css("--c7") };
    c.fillStyle = this.ink.page;
    c.fillRect(0, 0, this.width, this.height);
    c.save();
    c.beginPath();
    c.rect(0, AXIS, this.width, this.height - AXIS);
    c.clip();
    const first = Math.max(0, Math.floor(this.top / LANE));
    const last = Math.min(this.rows.length - 1, Math.floor((this.top + this.height - AXIS) / LANE));
    for (let row = first; row <= last; ++row) this.drawRow(row);
    this.drawFlows();
    c.restore();
    this.drawAxis();
    this.redraws.push(performance.now() - began);
    if (this.redraws.length > 1000) this.redraws.shift();
  }

  spanAt(x, y) {
    const row = this.rowAt(y);
    if (row < 0 || x < GUTTER || this.rows[row].lane < 0) return null;
    const { run, lane } = this.rows[row];
    const spans = this.runs[run].spans;
    const slack = ((this.to - this.from) / (this.width - GUTTER)) * 1.5;
    const ps = this.ps(x);
    const span = this.firstAfter(spans, lane, ps - slack);
    if (span >= spans.first[lane + 1] || spans.start[span] > ps + slack) return null;
    return { run, span };
  }

  view(from, to) {
    const length = Math.min(Math.max(to - from, MINIMUM_VIEW), this.whole);
    this.from = Math.min(Math.max(from, 0), this.whole - length);
    this.to = this.from + length;
    this.request();
  }
  zoom(factor, around = (this.from + this.to) / 2) {
    const length = Math.min(Math.max((this.to - this.from) * factor, MINIMUM_VIEW), this.whole);
    const share = (around - this.from) / (this.to - this.from);
    this.view(around - share * length, around + (1 - share) * length);
  }
  pan(share) {
    const step = (this.to - this.from) * share;
    this.view(this.from + step, this.to + step);
  }
  scroll(pixels) {
    const most = Math.max(0, this.rows.length * LANE - (this.height - AXIS));
    this.top = Math.min(Math.max(this.top + pixels, 0), most);
    this.request();
  }
  fit() {
    this.view(0, this.whole);
  }

  select(mark, show = false) {
    this.selected = mark;
    if (mark !== null && show) {
      const spans = this.runs[mark.run].spans;
      const middle = spans.start[mark.span] + spans.length[mark.span] / 2;
      const length = Math.min(this.to - this.from, Math.max(spans.length[mark.span] * 12, MINIMUM_VIEW));
      this.view(middle - length / 2, middle + length / 2);
      const y = this.yOf(this.rowOf(mark.run, spans.lane[mark.span]));
      if (y < AXIS || y + LANE > this.height) this.scroll(y - this.height / 2);
    }
    this.says(mark);
    this.request();
  }
  // The next span that a test holds for, in order of time, after the selected one.
  next(holds, run = this.selected?.run ?? 0) {
    const spans = this.runs[run].spans;
    const after = this.selected?.run === run ? this.selected.span : -1;
    const from = after < 0 ? [-1, -1] : [spans.start[after], after];
    let best = -1;
    let wrap = -1;
    for (let i = 0; i < spans.count; ++i) {
      if (!holds(spans, i)) continue;
      const later = spans.start[i] > from[0] || (spans.start[i] === from[0] && i > from[1]);
      if (later && (best < 0 || spans.start[i] < spans.start[best])) best = i;
      if (wrap < 0 || spans.start[i] < spans.start[wrap]) wrap = i;
    }
    const found = best >= 0 ? best : wrap;
    if (found >= 0) this.select({ run, span: found }, true);
    return found;
  }
  search(text) {
    const wanted = text.trim().toLowerCase();
    let matches = 0;
    this.runs.forEach((run, at) => {
      this.matching[at] = null;
      if (wanted === "") return;
      const hits = run.spans.labels.map((label) => label.toLowerCase().includes(wanted));
      this.matching[at] = hits;
      for (let i = 0; i < run.spans.count; ++i) matches += hits[run.spans.label[i]] ? 1 : 0;
    });
    this.request();
    return wanted === "" ? -1 : matches;
  }
  nextMatch() {
    const hits = this.matching[0];
    return hits === null ? -1 : this.next((spans, i) => hits[spans.label[i]], 0);
  }

  listen() {
    const canvas = this.canvas;
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = { x: event.offsetX, y: event.offsetY, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (drag !== null) {
        drag.moved = drag.moved || Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > 3;
        if (!drag.moved) return;
        this.pan((drag.x - event.offsetX) / (this.width - GUTTER));
        this.scroll(drag.y - event.offsetY);
        drag = { x: event.offsetX, y: event.offsetY, moved: true };
        return;
      }
      const found = this.spanAt(event.offsetX, event.offsetY);
      if (found?.span === this.hover?.span && found?.run === this.hover?.run) return;
      this.hover = found;
      if (this.selected === null) this.says(found);
      this.request();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag !== null && !drag.moved) this.select(this.spanAt(event.offsetX, event.offsetY));
      drag = null;
    });
    canvas.addEventListener("pointerleave", () => {
      this.hover = null;
      this.request();
    });
    canvas.addEventListener("dblclick", (event) => this.zoom(0.25, this.ps(event.offsetX)));
    canvas.addEventListener("wheel", (event) => {
      const lanesFit = this.rows.length * LANE <= this.height - AXIS;
      if (event.ctrlKey || event.metaKey || event.altKey) {
        this.zoom(Math.exp(event.deltaY * 0.002), this.ps(event.offsetX));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.pan((event.deltaX || event.deltaY) / this.width);
      } else if (lanesFit) {
        return;  // the page's own
      } else {
        this.scroll(event.deltaY);
      }
      event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      if (this.key(event.key)) event.preventDefault();
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  key(key) {
    const along = (step) => {
      const now = this.selected ?? this.hover ?? { run: 0, span: 0 };
      const spans = this.runs[now.run].spans;
      const to = now.span + step;
      if (to >= 0 && to < spans.count && spans.lane[to] === spans.lane[now.span]) {
        this.select({ run: now.run, span: to }, true);
      } else {
        this.select(now, true);
      }
    };
    const actions = {
      ArrowLeft: () => this.pan(-0.15), ArrowRight: () => this.pan(0.15),
      ArrowUp: () => this.scroll(-LANE * 3), ArrowDown: () => this.scroll(LANE * 3),
      "+": () => this.zoom(0.6), "=": () => this.zoom(0.6), "-": () => this.zoom(1 / 0.6),
      0: () => this.fit(), Home: () => this.view(0, this.to - this.from),
      End: () => this.view(this.whole - (this.to - this.from), this.whole),
      ".": () => along(1), ",": () => along(-1), Escape: () => this.select(null),
      n: () => this.nextMatch(), c: () => this.next((spans, i) => spans.isCritical[i] === 1),
    };
    if (!(key in actions)) return false;
    actions[key]();
    return true;
  }
}
