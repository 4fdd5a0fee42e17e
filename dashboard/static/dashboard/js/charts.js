// The charts: uPlot over the columns that came with the page, fetched again at every step. What nobody counted is a gap,
// and time goes on while nothing comes; the bucket that is not over yet is dashed; what people did is a labelled line.
const holder = document.querySelector("[data-series]"), root = document.documentElement;
const source = document.getElementById("columns"), LEAST_SPAN = 120;
const plots = [], away = [];
let columns = source ? JSON.parse(source.textContent) : null, fetchedAt = performance.now();
const found = new Map();
const colour = (name) => {
  if (!found.has(name)) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    found.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return found.get(name);
};
const faded = (name, share) => `color-mix(in srgb, ${colour(name)} ${share}%, transparent)`;
const seconds = (s) => s === null || s === undefined ? "" : s === 0 ? "0" : s < 1 ? `${+(s * 1000).toPrecision(2)} ms` : s < 60 ? `${+s.toFixed(1)} s` : s < 3600 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
const count = (n) => n === null || n === undefined ? "" : n >= 1000 ? `${+(n / 1000).toFixed(1)}k` : String(+n.toFixed(1));
const BACKLOG = ["--c-running", "--c-retrying", "--c-succeeded", "--c-scheduled", "--c-dead", "--c-queued", "--c-expired", "--c-cancelled"];
const clock = () => columns.until ?? columns.now + (performance.now() - fetchedAt) / 1000;

const add = (a, b) => a.map((value, n) => (value === null || b[n] === null ? null : value + b[n]));
const kinds = {
  throughput: () => {
    const raw = [columns.succeeded, columns.retried, columns.dead];
    const dead = columns.dead, retried = add(columns.retried, dead), all = add(columns.succeeded, retried);
    return { raw, drawn: [all, retried, dead], series: [area("--c-succeeded"), area("--c-retrying"), area("--c-dead")], write: count };
  },
  latency: () => {
    const raw = [columns.wait_p50, columns.wait_p95, columns.wait_p99, columns.run_p95, columns.age];
    return { raw, drawn: raw, series: [line("--c-queued"), line("--c-running"), line("--c-scheduled"), line("--c-succeeded", [2, 3]), line("--c-dead", [6, 4])], write: seconds };
  },
  backlog: () => {
    const raw = Object.values(columns.waiting);
    return { raw, drawn: raw, series: raw.map((_, n) => line(BACKLOG[n % BACKLOG.length])), write: count };
  },
};
const area = (name) => ({ stroke: () => colour(name), fill: () => faded(name, 55), width: 1, points: { show: false }, paths: uPlot.paths.stepped({ align: -1 }), spanGaps: false });
const line = (name, dash) => ({ stroke: () => colour(name), width: 1.75, dash, points: { show: false }, spanGaps: false });

// The newest bucket apart: the same line again, dashed, over the last two points.
function parted(kind) {
  const last = columns.at.length - 1;
  if (!columns.partial || last < 1) return { series: kind.series, data: kind.drawn };
  const ends = kind.series.map((one) => ({ ...one, dash: [3, 3], fill: one.fill && (() => "transparent") }));
  const whole = kind.drawn.map((column) => column.map((value, n) => (n === last ? null : value)));
  const end = kind.drawn.map((column) => column.map((value, n) => (n >= last - 1 ? value : null)));
  return { series: [...kind.series, ...ends], data: [...whole, ...end] };
}
const forLog = (data) => data.map((column) => column.map((value) => (value === null ? null : Math.max(value, 0.001))));

function annotate(plot) {
  const { ctx, bbox } = plot, x = (at) => plot.valToPos(at, "x", true), right = bbox.left + bbox.width;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px Inter, sans-serif`; ctx.textBaseline = "top";
  for (const { from, to } of away) {
    const left = Math.max(bbox.left, x(from)), width = Math.min(right, x(to ?? clock())) - left;
    if (width <= 0) continue;
    ctx.fillStyle = faded("--warn", 14); ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.fillStyle = colour("--warn");
    if (width > 80 * devicePixelRatio) ctx.fillText("not connected", left + 4, bbox.top + bbox.height - 16 * devicePixelRatio);
  }
  ctx.strokeStyle = colour("--ink-2"); ctx.fillStyle = colour("--ink-2"); ctx.setLineDash([4, 4]); ctx.lineWidth = 1;
  let free = bbox.left;
  for (const mark of [...columns.marks].reverse()) {
    const at = x(mark.at);
    if (at < bbox.left || at > right) continue;
    ctx.beginPath(); ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + bbox.height); ctx.stroke();
    const width = ctx.measureText(mark.label).width + 8, left = Math.min(at + 4, right - width);
    if (left >= free) { ctx.fillText(mark.label, left, bbox.top + 2); free = left + width; }
  }
  ctx.restore();
}
// The values under the pointer, in the legend: the same for whoever reads the table.
function tellValues(plot, place, kind) {
  const at = plot.cursor.idx, items = place.parentElement.querySelectorAll(".legend [data-value]");
  items.forEach((item, n) => { item.textContent = at === null || at === undefined ? "" : kind.write(kind.raw[n]?.[at]); });
  const when = place.parentElement.querySelector("[data-at]");
  if (when) when.textContent = at === null || at === undefined ? "" : stamp(columns.at[at]);
}
function options(place, kind, series) {
  const axis = { stroke: () => colour("--ink-2"), font: "11px Inter, sans-serif", grid: { stroke: () => faded("--line-strong", 22), width: 1 }, ticks: { show: false } };
  const isLog = place.dataset.axis === "log";
  const span = (_plot, min) => { const end = clock(); return [Math.max(end - columns.span, Math.min(min ?? end, end - LEAST_SPAN)), end]; };
  const y = isLog ? { distr: 3, range: (_plot, min, max) => [10 ** Math.floor(Math.log10(Math.max(min || 0.01, 0.001))), 10 ** Math.ceil(Math.log10(Math.max(max || 1, 0.01)))] } : { range: (_plot, _min, max) => [0, Math.max(max || 0, 1) * 1.12] };
  return {
    width: Math.max(120, place.clientWidth - 8), height: place.clientHeight - 8, pxAlign: 1,
    legend: { show: false }, cursor: { sync: { key: "tally" }, y: false, points: { size: 6 } },
    scales: { x: { time: true, range: span }, y },
    axes: [{ ...axis, space: 60, size: 26, gap: 4, values: (_plot, splits) => splits.map(stamp) }, { ...axis, size: 50, values: (_plot, splits) => splits.map(kind.write) }],
    series: [{}, ...series], hooks: { draw: [annotate], setCursor: [(plot) => tellValues(plot, place, kinds[place.dataset.chart]())] },
  };
}
const places = () => [...document.querySelectorAll("[data-chart]")];
const dataOf = (place, data) => [columns.at, ...(place.dataset.axis === "log" ? forLog(data) : data)];
function draw() {
  found.clear();
  for (const plot of plots.splice(0)) plot.destroy();
  if (!columns) return;
  for (const place of places()) {
    const kind = kinds[place.dataset.chart](), { series, data } = parted(kind);
    plots.push(new uPlot(options(place, kind, series), dataOf(place, data), place));
  }
  note();
}
function update() {
  const now = places().map((place) => [place, parted(kinds[place.dataset.chart]())]);
  if (plots.length !== now.length || now.some(([, { series }], n) => series.length + 1 !== plots[n].series.length)) return draw();
  now.forEach(([place, { data }], n) => plots[n].setData(dataOf(place, data)));
  note();
}
function note() {
  Object.assign(holder.dataset, {
    points: columns.at.length, gaps: columns.succeeded.filter((value) => value === null).length, away: away.length,
    silent: Math.round(clock() - (columns.at.at(-1) ?? clock())),
  });
}
function stamp(at) {
  const when = new Date(at * 1000), isLocal = root.dataset.zone === "local";
  const parts = isLocal ? [when.getHours(), when.getMinutes(), when.getSeconds()] : [when.getUTCHours(), when.getUTCMinutes(), when.getUTCSeconds()];
  const two = (n) => String(n).padStart(2, "0");
  if (columns.span > 86400 && parts[0] === 0 && parts[1] === 0) return isLocal ? `${when.getDate()}.${when.getMonth() + 1}.` : `${when.getUTCDate()}.${when.getUTCMonth() + 1}.`;
  return `${two(parts[0])}:${two(parts[1])}${parts[2] ? `:${two(parts[2])}` : ""}`;
}
async function fetchAgain() {
  if (document.hidden || root.hasAttribute("data-paused") || columns.until) return;
  try {
    const answer = await fetch(holder.dataset.series, { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) { columns = await answer.json(); fetchedAt = performance.now(); update(); }
  } catch { /* time goes on without a line: a gap */ }
}
function connection(state) {
  const isLost = state === "reconnecting" || state === "out", last = away.at(-1);
  if (isLost && (!last || last.to)) away.push({ from: clock(), to: null });
  else if (last && !last.to && (state === "live" || state === "polling" || state === "delayed")) last.to = clock();
  note();
}
if (holder && columns) {
  draw();
  const again = () => setTimeout(async () => { await fetchAgain(); again(); }, Math.max(Number(root.dataset.interval || 2), Math.min(60, columns.step)) * 1000);
  again();
  setInterval(() => { if (!document.hidden && !root.hasAttribute("data-paused")) update(); }, 2000);
  document.addEventListener("tq:connection", ({ detail }) => connection(detail));
  document.addEventListener("tq:preference", draw);
  document.addEventListener("tq:back", fetchAgain);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let settle = 0;
  new ResizeObserver(() => { clearTimeout(settle); settle = setTimeout(() => plots.forEach((plot) => { const place = plot.root.parentElement; plot.setSize({ width: Math.max(120, place.clientWidth - 8), height: place.clientHeight - 8 }); }), 120); }).observe(holder);
}
