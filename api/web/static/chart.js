// Draws the charts of a page with uPlot: readings, the band in which they were expected, those that stand out, and the
// time an alert was open. A figure says with data- attributes where its data are; new readings come by the stream.
"use strict";

(() => {
  const RANGES = { "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
  const RELOAD_MS = 60000;
  const MOST_LIVE = 4000;
  const charts = new Map();

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const faint = (name, share) => `color-mix(in srgb, ${color(name)} ${share}%, transparent)`;
  const tone = { low: "low", medium: "medium", high: "high", critical: "critical" };

  const number = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    return size >= 1000 ? value.toFixed(0) : Number(value.toPrecision(4)).toString();
  };

  const clock = (figure, options) =>
    new Intl.DateTimeFormat(figure.dataset.lang, { timeZone: figure.dataset.zone, hourCycle: "h23", ...options });

  const ticks = (figure) => {
    const time = clock(figure, { hour: "2-digit", minute: "2-digit" });
    const seconds = clock(figure, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const day = clock(figure, { month: "short", day: "numeric" });
    return (_plot, splits, _axis, _space, step) => {
      let before = "";
      return splits.map((at) => {
        const moment = new Date(at * 1000);
        const date = day.format(moment);
        const first = date !== before;
        before = date;
        if (step >= 86400) return date;
        const text = (step < 60 ? seconds : time).format(moment);
        return first ? `${text}\n${date}` : text;
      });
    };
  };

  // -- data: [time, high, low, most, least, expected, value, mark], as uPlot wants them --------------------------------

  const columns = (data) => {
    const marks = new Map(data.marks.map(([at, value]) => [at, value]));
    const time = data.time.slice();
    const mark = time.map((at) => marks.get(at) ?? null);
    if (data.bucket_s) {
      for (const [at, value] of data.marks) {
        const place = Math.floor((at - time[0]) / data.bucket_s);
        const near = Math.min(time.length - 1, Math.max(0, place));
        const index = time[near] <= at ? lastBefore(time, at, near) : lastBefore(time, at, 0);
        mark[index] = value;
      }
    }
    return [time, data.high, data.low, data.most, data.least, data.expected, data.value, mark];
  };

  const lastBefore = (time, at, from) => {
    let index = from;
    while (index + 1 < time.length && time[index + 1] <= at) index += 1;
    return index;
  };

  // -- drawing ---------------------------------------------------------------------------------------------------------

  const shades = (state) => (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const alert of state.alerts) {
      const left = plot.valToPos(alert.from, "x", true);
      const right = plot.valToPos(alert.to ?? plot.scales.x.max, "x", true);
      ctx.fillStyle = faint(tone[alert.severity], alert.open ? 13 : 8);
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
      ctx.fillStyle = color(tone[alert.severity]);
      ctx.fillRect(left, bbox.top, Math.max(2, devicePixelRatio), bbox.height);
      if (alert.limit !== null) line(plot, alert.limit, color(tone[alert.severity]));
    }
    ctx.restore();
  };

  const line = (plot, value, stroke) => {
    const { ctx, bbox } = plot;
    const y = plot.valToPos(value, "y", true);
    ctx.beginPath();
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 1.2 * devicePixelRatio;
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  };

  const readout = (figure) => (plot) => {
    const target = figure.querySelector(".readout");
    const index = plot.cursor.idx;
    if (index === null || index === undefined || plot.data[0][index] === undefined) {
      target.textContent = "";
      return;
    }
    const [time, high, low, , , , value] = plot.data.map((column) => column[index]);
    const at = clock(figure, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const parts = [at.format(new Date(time * 1000)), `${number(value)} ${figure.dataset.unit}`.trim()];
    if (low !== null && high !== null) parts.push(`${figure.dataset.wordExpected} ${number(low)} – ${number(high)}`);
    target.textContent = parts.join("  ·  ");
  };

  const options = (figure, state, width, height) => ({
    width,
    height,
    padding: [8, 18, 0, 0], // half a label to the right, where a time may stand at the very end
    legend: { show: false },
    cursor: { sync: { key: "page" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true, range: () => [state.start, state.end] }, y: { range: reach } },
    axes: [
      {
        stroke: color("muted"),
        grid: { show: false },
        ticks: { stroke: color("line"), size: 4 },
        font: `11px ${color("font")}`,
        values: ticks(figure),
        space: 68,
        size: 40,
      },
      {
        stroke: color("muted"),
        grid: { stroke: color("line"), width: 1 },
        ticks: { show: false },
        font: `11px ${color("font")}`,
        values: (_plot, splits) => splits.map(number),
        space: 30,
        size: 46,
      },
    ],
    bands: [
      { series: [1, 2], fill: faint("band", 14) },
      { series: [3, 4], fill: faint("text", 18) },
    ],
    series: [
      {},
      { stroke: faint("band", 32), width: 1, points: { show: false } },
      { stroke: faint("band", 32), width: 1, points: { show: false } },
      { stroke: "transparent", width: 0, points: { show: false } },
      { stroke: "transparent", width: 0, points: { show: false } },
      { stroke: faint("band", 60), width: 1, dash: [4, 4], points: { show: false } },
      { stroke: color("text"), width: 1.4, points: { show: state.sparse, size: 4 } },
      { stroke: "transparent", width: 0, points: { show: true, size: 6, width: 0, fill: color("critical") } },
    ],
    hooks: { drawAxes: [shades(state)], setCursor: [readout(figure)] },
  });

  // Every line is in sight, with some air around; a flat line lies in the middle.
  const reach = (_plot, low, high) => {
    if (low === null || high === null) return [0, 1];
    const air = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    return [low - air, high + air];
  };

  const draw = (figure, state) => {
    const place = figure.querySelector(".plot");
    place.replaceChildren();
    const size = [place.clientWidth, place.clientHeight];
    state.plot?.destroy();
    state.plot = null;
    if (!state.data[0].length) {
      place.append(Object.assign(document.createElement("p"), { textContent: figure.dataset.wordEmpty }));
      return;
    }
    state.plot = new uPlot(options(figure, state, ...size), state.data, place);
  };

  // What is drawn, for those who cannot see it.
  const tell = (figure, state) => {
    const time = state.data[0];
    figure.dataset.points = time.length;
    figure.dataset.marks = state.data.at(-1)?.filter((value) => value !== null).length ?? 0;
    figure.dataset.newest = time.length ? new Date(time[time.length - 1] * 1000).toISOString() : "";
  };

  // -- life of a chart -------------------------------------------------------------------------------------------------

  const load = async (figure) => {
    const state = charts.get(figure);
    try {
      const response = await fetch(figure.dataset.chart, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const data = await response.json();
      if (!figure.isConnected) return;
      Object.assign(state, { start: data.start, end: data.end, alerts: data.alerts, bucket: data.bucket_s });
      state.standsOut = data.stands_out;
      state.data = columns(data);
      state.sparse = !data.bucket_s && data.time.length < 60;
      draw(figure, state);
      tell(figure, state);
    } catch {
      if (!state.plot) {
        const text = Object.assign(document.createElement("p"), { textContent: figure.dataset.wordFailed });
        figure.querySelector(".plot").replaceChildren(text);
      }
    }
  };

  const begin = () => {
    for (const [figure, state] of charts) {
      if (!figure.isConnected) {
        state.plot?.destroy();
        state.watch.disconnect();
        charts.delete(figure);
      }
    }
    for (const figure of document.querySelectorAll("[data-chart]")) {
      if (charts.has(figure)) continue;
      const state = { plot: null, data: [[]], alerts: [], start: 0, end: 1, sparse: false };
      charts.set(figure, state);
      const place = figure.querySelector(".plot");
      state.watch = new ResizeObserver(() => {
        if (state.plot && place.clientWidth) state.plot.setSize({ width: place.clientWidth, height: place.clientHeight });
      });
      state.watch.observe(place);
      load(figure);
    }
  };

  const add = (reading) => {
    for (const [figure, state] of charts) {
      const { live, site, device, metric } = figure.dataset;
      if (!live || !state.plot || state.bucket) continue;
      if (reading.site !== site || reading.device !== device || reading.metric !== metric) continue;
      const at = Date.parse(reading.time) / 1000;
      const time = state.data[0];
      if (time.length && at <= time[time.length - 1]) continue;
      const mark = reading.p_value !== null && reading.p_value <= state.standsOut ? reading.value : null;
      const row = [at, reading.high, reading.low, null, null, reading.expected, reading.value, mark];
      state.data.forEach((column, index) => column.push(row[index]));
      state.end = Math.max(state.end, at);
      state.start = state.end - RANGES[live];
      while (time.length > MOST_LIVE || time[0] < state.start) state.data.forEach((column) => column.shift());
      state.plot.setData(state.data);
      tell(figure, state);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    begin();
    document.body.addEventListener("htmx:after:swap", begin);
    document.body.addEventListener("reading", (event) => add(JSON.parse(event.detail.data)));
    const reload = (...kinds) =>
      charts.forEach((state, figure) => kinds.some((kind) => kind in figure.dataset) && load(figure));
    document.body.addEventListener("alert", () => reload("live"));
    document.body.addEventListener("resync", () => reload("live", "follows"));
    setInterval(() => reload("live", "follows"), RELOAD_MS);
    const redraw = () => charts.forEach((state, figure) => state.plot && draw(figure, state));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  });
})();
