// The charts: uPlot over the columns that came with the page, fetched again at every step, gaps left as gaps.
const holder = document.querySelector("[data-series]"), root = document.documentElement;
const source = document.getElementById("columns");
const plots = [];
let columns = source ? JSON.parse(source.textContent) : null;
const colour = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};
const faded = (name, share) => `color-mix(in srgb, ${colour(name)} ${share}%, transparent)`;
const seconds = (s) => s === null || s === undefined ? "–" : s === 0 ? "0" : s < 1 ? `${Math.round(s * 1000)} ms` : s < 60 ? `${+s.toFixed(1)} s` : s < 3600 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
const count = (n) => n === null || n === undefined ? "–" : n >= 1000 ? `${+(n / 1000).toFixed(1)}k` : String(+n.toFixed(1));
const BACKLOG = ["--c-running", "--c-retrying", "--c-succeeded", "--c-scheduled", "--c-dead", "--c-queued", "--c-expired"];

const add = (a, b) => a.map((value, n) => (value === null || b[n] === null ? null : value + b[n]));
const kinds = {
  throughput: () => {
    const dead = columns.dead, retried = add(columns.retried, dead), all = add(columns.succeeded, retried);
    return { data: [columns.at, all, retried, dead], series: [area("succeeded", "--c-succeeded"), area("retried", "--c-retrying"), area("dead", "--c-dead")], write: count };
  },
  latency: () => ({
    data: [columns.at, columns.wait_p50, columns.wait_p95, columns.wait_p99, columns.run_p95, columns.age],
    series: [line("wait p50", "--c-queued"), line("wait p95", "--c-running"), line("wait p99", "--c-scheduled"), line("run p95", "--c-succeeded", [2, 3]), line("oldest", "--c-dead", [6, 4])],
    write: seconds,
  }),
  backlog: () => {
    const names = Object.keys(columns.waiting);
    return { data: [columns.at, ...names.map((name) => columns.waiting[name])], series: names.map((name, n) => line(name, BACKLOG[n % BACKLOG.length])), write: count };
  },
};
const area = (label, name) => ({ label, stroke: () => colour(name), fill: () => faded(name, 55), width: 1, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), spanGaps: false });
const line = (label, name, dash) => ({ label, stroke: () => colour(name), width: 1.75, dash, points: { show: false }, spanGaps: false });

function marks() {
  return { hooks: { draw: [(plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("--ink-2"); ctx.setLineDash([4, 4]); ctx.lineWidth = 1;
    for (const mark of columns.marks) {
      const x = plot.valToPos(mark.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    }
    ctx.restore();
  }] } };
}
function draw() {
  for (const plot of plots.splice(0)) plot.destroy();
  if (!columns) return;
  const ratio = Number(columns.step) * 3;
  for (const place of document.querySelectorAll("[data-chart]")) {
    const { data, series, write } = kinds[place.dataset.chart]();
    const axis = { stroke: () => colour("--ink-2"), font: "11px Inter, sans-serif", grid: { stroke: () => faded("--line-strong", 22), width: 1 }, ticks: { show: false } };
    plots.push(new uPlot({
      width: Math.max(120, place.clientWidth - 8), height: place.clientHeight - 8, pxAlign: 1,
      legend: { show: false }, cursor: { sync: { key: "tally" }, y: false, points: { size: 6 } },
      scales: { x: { time: true, range: (_plot, _min, max) => [Math.min(columns.at[0] ?? 0, (max || Date.now() / 1000) - ratio), max || Date.now() / 1000] }, y: { range: (_plot, _min, max) => [0, Math.max(max || 0, 1) * 1.08] } },
      axes: [{ ...axis, space: 60, values: (_plot, splits) => splits.map(stamp) }, { ...axis, size: 44, values: (_plot, splits) => splits.map(write) }],
      series: [{}, ...series], plugins: [marks()],
    }, data, place));
  }
}
function stamp(at) {
  const when = new Date(at * 1000), isLocal = root.dataset.zone === "local";
  const parts = isLocal ? [when.getHours(), when.getMinutes(), when.getSeconds()] : [when.getUTCHours(), when.getUTCMinutes(), when.getUTCSeconds()];
  const two = (n) => String(n).padStart(2, "0");
  if (Number(columns.step) >= 1800 && parts[0] === 0 && parts[1] === 0) return `${when.getUTCDate()}.${when.getUTCMonth() + 1}.`;
  return `${two(parts[0])}:${two(parts[1])}${parts[2] ? `:${two(parts[2])}` : ""}`;
}
async function fetchAgain() {
  if (document.hidden || root.hasAttribute("data-paused")) return;
  try {
    const answer = await fetch(holder.dataset.series, { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) { columns = await answer.json(); update(); }
  } catch { /* a gap */ }
}
function update() {
  const places = [...document.querySelectorAll("[data-chart]")];
  const kindsNow = places.map((place) => kinds[place.dataset.chart]());
  if (plots.length !== places.length || kindsNow.some((kind, n) => kind.series.length + 1 !== plots[n].series.length)) return draw();
  kindsNow.forEach((kind, n) => plots[n].setData(kind.data));
  holder.dataset.points = columns.at.length;
  holder.dataset.gaps = columns.succeeded.filter((value) => value === null).length;
}
if (holder && columns) {
  draw();
  holder.dataset.points = columns.at.length;
  setInterval(fetchAgain, Math.min(60, Number(holder.dataset.step)) * 1000);
  document.addEventListener("tq:preference", draw);
  document.addEventListener("tq:back", fetchAgain);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let settle = 0;
  new ResizeObserver(() => { clearTimeout(settle); settle = setTimeout(() => plots.forEach((plot) => { const place = plot.root.parentElement; plot.setSize({ width: Math.max(120, place.clientWidth - 8), height: place.clientHeight - 8 }); }), 120); }).observe(holder);
}
