// Shortcuts: single keys that can be switched off, never while typing or with a modifier.
const root = document.documentElement;
let isGoing = false, row = -1, ticked = -1;
const rows = () => [...document.querySelectorAll("table.list tbody tr[data-row]")];
const dialog = document.getElementById("keys");

function move(step) {
  const all = rows();
  if (!all.length) return;
  row = Math.min(all.length - 1, Math.max(0, row + step));
  for (const one of all) one.classList.toggle("current", one === all[row]);
  all[row].querySelector("[data-open]")?.focus({ preventScroll: true });
  all[row].scrollIntoView({ block: "nearest" });
}
function tick(isRange) {
  const all = rows(), boxes = all.map((one) => one.querySelector("input[type=checkbox]"));
  if (row < 0 || !boxes[row]) return;
  const value = !boxes[row].checked;
  const [first, last] = isRange && ticked >= 0 ? [Math.min(ticked, row), Math.max(ticked, row)] : [row, row];
  for (let n = first; n <= last; n += 1) if (boxes[n]) boxes[n].checked = isRange ? true : value;
  ticked = row;
  boxes[row].dispatchEvent(new Event("change", { bubbles: true }));
}
const actions = {
  "/": () => (document.getElementById("filter") || document.getElementById("search"))?.focus(),
  "?": () => dialog.showModal(),
  g: () => { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); },
  j: () => move(1), k: () => move(-1),
  x: () => tick(false), X: () => tick(true),
  Enter: () => rows()[row]?.querySelector("[data-open]")?.click(),
  r: () => document.querySelector("[data-selection] input[name=id]:checked") && document.querySelector("[data-requeue]")?.click(),
  p: () => document.dispatchEvent(new CustomEvent("tq:toggle")),
  t: () => document.dispatchEvent(new CustomEvent("tq:theme")),
};
document.addEventListener("keydown", (event) => {
  if (root.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target;
  if (target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && target.matches("a, button, summary, input")) return;
  if (isGoing) {
    isGoing = false;
    const link = document.querySelector(`.nav [data-key="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); location.assign(link.href); }
    return;
  }
  const act = actions[event.key];
  if (!act) return;
  if (event.key !== "Enter" || row >= 0) { event.preventDefault(); act(); }
});
document.querySelector("[data-show-keys]")?.addEventListener("click", () => dialog.showModal());
