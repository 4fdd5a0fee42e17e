// The socket: one connection, every state of it visible, never given up. Speaks through events on document:
// `tq:frame` (detail: the frame), `tq:connection` (detail: its state), and listens to `tq:toggle`.
const root = document.documentElement, body = document.body;
const SILENT = 5000, POLL_AFTER = 3, POLL_EVERY = 5000, SAY_EVERY = 30000;
let socket = null, tries = 0, timer = 0, polling = 0, lastFrame = 0, paused = false, countdown = 0, said = 0, wasLost = 0;
const title = document.title;
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const text = document.querySelector("[data-connection-text]"), banner = document.getElementById("live-banner");
const announcer = document.getElementById("announcer");

function show(state, words, { loud = "" } = {}) {
  const changed = root.dataset.connection !== state;
  root.dataset.connection = state;
  if (text && text.textContent !== words) text.textContent = words;
  if (banner) { banner.hidden = !loud; if (loud && banner.textContent !== loud) banner.textContent = loud; }
  if (changed) tell("tq:connection", state);
}
function announce(words) {
  if (Date.now() - said < SAY_EVERY) return;
  said = Date.now();
  announcer.textContent = words;
}
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const address = () => `${scheme}//${location.host}${body.dataset.socket}`;

function open() {
  clearTimeout(timer); clearInterval(countdown);
  if (paused || document.hidden || socket) return;
  const mine = socket = new WebSocket(address());
  mine.onmessage = (event) => { try { take(JSON.parse(event.data)); } catch { /* not a frame */ } };
  mine.onclose = (event) => { if (socket === mine) { socket = null; closed(event.code); } };
}
function take(frame) {
  if (!("seq" in frame)) return;
  const gap = wasLost && Date.now() - wasLost > SILENT;
  tries = 0; lastFrame = Date.now(); wasLost = 0; stopPolling();
  document.title = title;
  if (frame.stale) show("delayed", "Delayed", { loud: "The keeper is silent: these numbers are counted in SQL, and charts show a gap." });
  else show("live", "Live");
  tell("tq:frame", frame);
  if (gap) tell("tq:back", null);
}
function closed(code) {
  wasLost = wasLost || Date.now();
  if (code === 4401) return show("out", "Signed out", { loud: "You are signed out. Log in again to see live numbers." });
  if (code === 4403) return show("out", "Not allowed", { loud: "Live numbers need the permission jobs.view_job." });
  if (paused || document.hidden) return;
  tries += 1;
  const wait = Math.round(Math.random() * Math.min(30, 2 ** Math.min(tries, 5)) * 1000) + 300;
  if (tries >= POLL_AFTER && !polling) startPolling();
  const due = Date.now() + wait;
  const say = () => {
    const left = Math.max(0, Math.ceil((due - Date.now()) / 1000));
    if (polling && lastFrame > wasLost) show("polling", `Polling every ${POLL_EVERY / 1000} s`);
    else show("reconnecting", `Reconnecting (try ${tries}, next in ${left} s)`, { loud: "Reconnecting: the numbers are as of " + new Date(lastFrame || Date.now()).toLocaleTimeString() + "." });
    if (Date.now() - wasLost > 10000) document.title = "(!) " + title;
  };
  say(); countdown = setInterval(say, 1000);
  timer = setTimeout(open, wait);
}
function startPolling() { polling = setInterval(poll, POLL_EVERY); poll(); }
function stopPolling() { clearInterval(polling); polling = 0; }
async function poll() {
  try {
    const answer = await fetch(body.dataset.polling, { headers: { Accept: "application/json" } });
    if (answer.status === 401) { stopPolling(); clearTimeout(timer); clearInterval(countdown); return show("out", "Signed out", { loud: "You are signed out. Log in again to see live numbers." }); }
    if (!answer.ok) return;
    const frame = await answer.json();
    lastFrame = Date.now();
    tell("tq:frame", frame);
  } catch { /* the web process is away: the socket says so */ }
}
function rest() {
  clearTimeout(timer); clearInterval(countdown); stopPolling();
  if (socket) { const old = socket; socket = null; old.close(); }
}
setInterval(() => {
  const age = Math.round((Date.now() - lastFrame) / 1000);
  if (socket && lastFrame && age * 1000 >= SILENT && root.dataset.connection !== "delayed") show("delayed", `Delayed ${age} s`);
  else if (root.dataset.connection === "delayed" && socket && age * 1000 >= SILENT) show("delayed", `Delayed ${age} s`);
}, 1000);

const toggle = document.querySelector("[data-live-toggle]");
function setPaused(now) {
  paused = now;
  if (toggle) { toggle.setAttribute("aria-pressed", String(paused)); toggle.querySelector("span").textContent = paused ? "Go on" : "Pause"; }
  root.toggleAttribute("data-paused", paused);
  if (paused) { rest(); show("paused", "Paused"); } else { tries = 0; open(); tell("tq:back", null); }
}
toggle?.addEventListener("click", () => setPaused(!paused));
document.addEventListener("tq:toggle", () => setPaused(!paused));
document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else { tries = 0; open(); } });
addEventListener("online", () => { if (!socket) { tries = 0; open(); } });
addEventListener("pagehide", rest);

// Numbers: `data-live` is a path into the frame, `data-format` how it is written.
const group = (n) => Math.round(n).toLocaleString("en").replaceAll(",", "\u2009");
const age = (s) => s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
const forms = {
  count: group, age,
  rate: (n) => n >= 10 ? group(n) : n.toFixed(1),
  percent: (n) => (n >= 10 || n === 0 ? n.toFixed(0) : n.toFixed(1)) + "\u2009%",
};
document.addEventListener("tq:frame", ({ detail: frame }) => {
  const queues = frame.queues || [];
  if (queues.length) {
    frame.waiting = queues.reduce((sum, queue) => sum + queue.waiting, 0);
    frame.oldest_seconds = Math.max(0, ...queues.map((queue) => queue.oldest_seconds ?? 0));
  }
  for (const place of document.querySelectorAll("[data-live]")) {
    const value = place.dataset.live.split(".").reduce((at, key) => at?.[key], frame);
    if (value === undefined) continue;
    const shown = value === null ? "–" : forms[place.dataset.format || "count"](value);
    if (place.textContent !== shown) place.textContent = shown;
  }
  if (frame.waiting !== undefined) announce(`${group(frame.active_tasks ?? 0)} running, ${group(frame.waiting)} waiting.`);
});
open();
