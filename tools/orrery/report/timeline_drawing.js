// How a timeline looks: its lanes, spans, the lines between them, its axis.

Object.assign(Timeline.prototype, {
  drawRow(row) {
    const c = this.context;
    const { run, lane } = this.rows[row];
    const y = this.yOf(row);
    c.fillStyle = lane < 0 ? this.ink.panel : this.ink.page;
    c.fillRect(0, y, this.width, LANE);
    c.textBaseline = "middle";
    c.font = "12px system-ui, DejaVu Sans, sans-serif";
    c.fillStyle = this.ink.ink;
    if (lane < 0) {
      c.fillText(this.runs[run].folder, 6, y + LANE / 2);
      return;
    }
    this.drawSpans(this.runs[run].spans, lane, y, this.matching[run]);
    const of = this.runs[run].spans.lanes[lane];
    const before = lane > 0 ? this.runs[run].spans.lanes[lane - 1] : null;
    c.fillStyle = this.ink.page;
    c.fillRect(0, y, GUTTER, LANE);
    if (before === null || before.rank !== of.rank) {
      c.fillStyle = this.ink.line;
      c.fillRect(0, y, this.width, 1);
      c.fillStyle = this.ink.ink;
      c.fillText("rank " + of.rank + (of.alike > 1 ? " (×" + of.alike + ")" : ""), 6, y + LANE / 2);
    }
    c.fillStyle = this.ink.soft;
    c.fillText(of.stream, 92, y + LANE / 2, GUTTER - 98);
  },

  // Spans of less than a pixel and a half are gathered by column: the cause that has most of it
  // gives the colour, how much of the column is busy its strength.
  drawSpans(spans, lane, y, matching) {
    const c = this.context;
    const scale = (this.width - GUTTER) / (this.to - this.from);
    const palette = spans.causes.map((cause) => ({ fill: colourOf(cause), text: inkOn(cause) }));
    const busy = new Float64Array(spans.causes.length);
    const end = spans.first[lane + 1];
    let column = -1;
    let critical = false;
    const flush = () => {
      if (column < 0) return;
      let most = 0;
      let sum = 0;
      for (let cause = 0; cause < busy.length; ++cause) {
        sum += busy[cause];
        if (busy[cause] > busy[most]) most = cause;
      }
      c.globalAlpha = Math.min(1, 0.25 + 0.75 * sum * scale);
      c.fillStyle = palette[most].fill;
      c.fillRect(column, y + 2, 1, LANE - 5);
      c.globalAlpha = 1;
      if (critical) {
        c.fillStyle = this.ink.critical;
        c.fillRect(column, y + LANE - 3, 1, 2);
      }
      busy.fill(0);
      critical = false;
      column = -1;
    };
    for (let i = this.firstAfter(spans, lane, this.from); i < end; ++i) {
      if (spans.start[i] > this.to) break;
      if (matching !== null && !matching[spans.label[i]]) {
        if (spans.length[i] * scale >= 1.5) {
          c.fillStyle = this.ink.panel;
          c.fillRect(this.x(spans.start[i]), y + 2, spans.length[i] * scale, LANE - 5);
        }
        continue;
      }
      const x = this.x(spans.start[i]);
      const width = spans.length[i] * scale;
      if (spans.wait[i] * scale >= 1.5) {
        c.fillStyle = this.ink.wait;
        c.fillRect(x - spans.wait[i] * scale, y + LANE / 2 - 1, spans.wait[i] * scale, 2);
      }
      if (width < 1.5) {
        const at = Math.floor(x);
        if (at !== column) flush();
        column = at;
        busy[spans.cause[i]] += spans.length[i];
        critical = critical || spans.isCritical[i] === 1;
        continue;
      }
      flush();
      this.drawSpan(spans, i, x, y, width, palette[spans.cause[i]]);
    }
    flush();
  },

  drawSpan(spans, i, x, y, width, colour) {
    const c = this.context;
    const left = Math.max(x, GUTTER - 1);
    const right = Math.min(x + width, this.width + 1);
    c.fillStyle = colour.fill;
    c.fillRect(left, y + 2, Math.max(right - left - 0.5, 0.5), LANE - 5);
    if (spans.isCritical[i] === 1) {
      c.fillStyle = this.ink.critical;
      c.fillRect(left, y + LANE - 3, right - left, 2);
    }
    if (right - left > 46) {
      c.save();
      c.beginPath();
      c.rect(left, y, right - left - 2, LANE);
      c.clip();
      c.fillStyle = colour.text;
      c.font = "11px system-ui, DejaVu Sans, sans-serif";
      c.fillText(spans.labels[spans.label[i]], left + 3, y + LANE / 2 - 0.5);
      c.restore();
    }
  },

  // From the span that is pointed at or selected to those it meets.
  drawFlows() {
    const c = this.context;
    for (const mark of [this.selected, this.hover]) {
      if (mark === null) continue;
      const spans = this.runs[mark.run].spans;
      const scale = (this.width - GUTTER) / (this.to - this.from);
      const y = this.yOf(this.rowOf(mark.run, spans.lane[mark.span]));
      const x = this.x(spans.start[mark.span]);
      c.strokeStyle = this.ink.ink;
      c.lineWidth = 1.5;
      c.strokeRect(x, y + 1.5, Math.max(spans.length[mark.span] * scale, 2), LANE - 4);
      mark.peers ??= peersOf(spans, mark.span);
      for (const peer of mark.peers) {
        const py = this.yOf(this.rowOf(mark.run, spans.lane[peer]));
        const px = this.x(spans.start[peer]);
        c.globalAlpha = 0.7;
        c.strokeRect(px, py + 1.5, Math.max(spans.length[peer] * scale, 2), LANE - 4);
        c.beginPath();
        c.moveTo(Math.max(x, GUTTER), y + LANE / 2);
        c.lineTo(Math.max(px, GUTTER), py + LANE / 2);
        c.stroke();
        c.globalAlpha = 1;
      }
    }
  },

  drawAxis() {
    const c = this.context;
    c.fillStyle = this.ink.panel;
    c.fillRect(0, 0, this.width, AXIS);
    c.font = "11px system-ui, DejaVu Sans, sans-serif";
    c.textBaseline = "middle";
    const wanted = (this.to - this.from) / Math.max(2, (this.width - GUTTER) / 120);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= wanted);
    for (let tick = Math.ceil(this.from / step) * step; tick <= this.to; tick += step) {
      const x = this.x(tick);
      c.fillStyle = this.ink.line;
      c.fillRect(x, 0, 1, this.height);
      c.fillStyle = this.ink.soft;
      c.fillText(tickText(tick, step), x + 3, AXIS / 2);
    }
  },
});
