// The socket: one connection, every state of it visible, never given up. Speaks through events on document:
// `tq:frame` (detail: the frame), `tq:connection` (detail: its state), `tq:back`, `tq:paused`; listens to `tq:toggle`.
const root = document.documentElement, body = document.body;
const SILENT = 5000, HUNG = 15000, LOST = 10000, POLL_AFTER = 3, POLL_EVERY = 5000, SAY_EVERY = 30000;
const LOUD = new Set(["reconnecting", "out"]);
let socket = null, tries = 0, timer = 0, due = 0, polling = 0, paused = false, said = 0;
let polledAt = 0, openedAt = 0;
let lastFrame = 0, lastFresh = Date.parse(body.dataset.sampled) || 0, lostAt = 0, drawnAt = 0, latest = null;
const title = document.title, loadedAt = Date.now();
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const text = document.querySelector("[data-connection-text]"), banner = document.getElementById("live-banner");
const announcer = document.getElementById("announcer");
const state = () => root.dataset.connection;
const seconds = (since) => Math.max(0, Math.round((Date.now() - since) / 1000));

function show(name, words, { loud = "", link = null } = {}) {
  const changed = state() !== name;
  root.dataset.connection = name;
  if (text && text.textContent !== words) text.textContent = words;
  if (banner) {
    banner.hidden = !loud;
    const key = loud + (link?.[1] ?? "");
    if (loud && banner.dataset.said !== key) {
      banner.dataset.said = key;
      banner.replaceChildren(loud);
      if (link) { const a = document.createElement("a"); [a.textContent, a.href] = link; banner.append(" ", a); }
    }
  }
  if (changed) tell("tq:connection", name);
}
function announce(words) {
  if (Date.now() - said < SAY_EVERY) return;
  said = Date.now();
  announcer.textContent = words;
}
const address = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${body.dataset.socket}`;
const login = () => ["Log in", `${body.dataset.login}?next=${encodeURIComponent(location.pathname + location.search)}`];

function open() {
  clearTimeout(timer); due = 0;
  if (paused || document.hidden || socket) return;
  const mine = socket = new WebSocket(address());
  mine.onopen = () => { openedAt = Date.now(); };
  mine.onmessage = (event) => { if (socket === mine) { try { take(JSON.parse(event.data)); } catch { /* not a frame */ } } };
  mine.onclose = (event) => { if (socket === mine) { socket = null; closed(event.code); } };
  // A socket that neither opens nor closes is a failed one.
  timer = setTimeout(() => { if (socket === mine && mine.readyState === 0) { socket = null; mine.close(); closed(1006); } }, HUNG);
}
function take(frame) {
  if (!("seq" in frame)) return;
  const wasAway = lostAt && Date.now() - lostAt > SILENT;
  tries = 0; lastFrame = Date.now(); lostAt = 0; stopPolling();
  if (!frame.stale) lastFresh = lastFrame;
  if (frame.version && frame.version !== body.dataset.version) outdated(frame.version);
  else if (frame.stale) show("delayed", lastFresh ? `Delayed ${seconds(lastFresh)} s` : "Delayed", { loud: "The keeper is silent: these numbers are counted in SQL, and charts show a gap." });
  else show("live", "Live");
  latest = frame;
  draw(false);
  if (wasAway) tell("tq:back", null);
}
function outdated(version) {
  show("updated", "Server updated – reload", { loud: `The server runs ${version} now, this page is of ${body.dataset.version}.`, link: ["Reload", location.href] });
}
// Numbers move no more often than the viewer wants; the rest is what came last.
function draw(now) {
  if (!latest || (!now && Date.now() - drawnAt < Number(root.dataset.interval || 2) * 1000 - 500)) return;
  drawnAt = Date.now();
  tell("tq:frame", latest);
}
function signedOut() { rest(); show("out", "Signed out", { loud: "You are signed out: the numbers stand still.", link: login() }); }
function closed(code) {
  clearTimeout(timer);
  if (!polledAt) lostAt = lostAt || lastFrame || Date.now();
  if (code === 4401) return signedOut();
  if (code === 4403) { rest(); return show("out", "Not allowed", { loud: "Live numbers need the permission jobs.view_job." }); }
  if (paused || document.hidden) return;
  tries = code === 4429 ? Math.max(tries + 1, POLL_AFTER) : tries + 1; // too many sockets: asking is allowed
  const wait = Math.round(Math.random() * Math.min(30, 2 ** Math.min(tries, 5)) * 1000) + 300;
  if (tries >= POLL_AFTER && !polling && body.dataset.polling) { polling = setInterval(poll, POLL_EVERY); poll(); }
  due = Date.now() + wait;
  timer = setTimeout(open, wait);
  look();
}
function stopPolling() { clearInterval(polling); polling = polledAt = 0; }
async function poll() {
  try {
    const answer = await fetch(body.dataset.polling, { headers: { Accept: "application/json" } });
    if (answer.status === 401) return signedOut();
    if (!answer.ok || !polling) return;
    latest = await answer.json();
    lastFrame = polledAt = Date.now(); lostAt = 0;
    draw(true);
    look();
  } catch { /* the web process is away: the socket says so */ }
}
function rest() {
  clearTimeout(timer); due = 0; stopPolling();
  if (socket) { const old = socket; socket = null; old.close(); }
}
// Once a second: what there is to say about a connection that says nothing itself.
function look() {
  const silence = Date.now() - Math.max(lastFrame, openedAt), asOf = new Date(lastFrame || loadedAt);
  const clock = `${asOf.toISOString().slice(11, 19)} UTC`;
  if (socket && socket.readyState === 1 && silence >= SILENT && state() !== "updated") {
    show("delayed", `Delayed ${seconds(asOf)} s`, { loud: `Nothing has come from the server since ${clock}: the numbers are older than they look.` });
    if (silence >= HUNG) { const old = socket; socket = null; old.close(); closed(1006); }
  } else if (due || (tries && socket)) {
    const next = due ? `next in ${Math.max(0, Math.ceil((due - Date.now()) / 1000))} s` : "now";
    if (Date.now() - polledAt < 2 * POLL_EVERY) show("polling", `Polling every ${POLL_EVERY / 1000} s`);
    else show("reconnecting", `Reconnecting (try ${tries}, ${next})`, { loud: `Reconnecting: the numbers are as of ${clock}.` });
  }
  const isLost = LOUD.has(state()) ? Date.now() - (lostAt || lastFrame || loadedAt) > LOST : state() === "delayed" && silence > LOST;
  const wanted = isLost ? `(!) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
}
setInterval(look, 1000);

const toggle = document.querySelector("[data-live-toggle]");
function setPaused(now) {
  paused = now;
  if (toggle) { toggle.setAttribute("aria-pressed", String(paused)); toggle.querySelector("span").textContent = paused ? "Go on" : "Pause"; }
  root.toggleAttribute("data-paused", paused);
  tries = 0; lostAt = 0;
  if (paused) { rest(); show("paused", "Paused"); } else { show("loading", "Connecting"); open(); tell("tq:back", null); }
}
toggle?.addEventListener("click", () => setPaused(!paused));
document.addEventListener("tq:toggle", () => setPaused(!paused));
document.addEventListener("tq:outdated", ({ detail }) => outdated(detail));
document.addEventListener("tq:preference", ({ detail }) => { if (detail === "interval") draw(true); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { rest(); if (!paused && state() !== "out") show("hidden", "Waits while hidden"); } else { tries = 0; open(); }
});
addEventListener("online", () => { if (!socket) { tries = 0; open(); } });
addEventListener("pagehide", rest);
addEventListener("pageshow", (event) => { if (event.persisted) open(); });

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
    const paused = queues.filter((queue) => queue.paused).map((queue) => queue.name).sort().join();
    if (paused !== [...document.querySelectorAll(".banner[data-paused]")].map((place) => place.dataset.paused).sort().join()) tell("tq:changed", null);
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
