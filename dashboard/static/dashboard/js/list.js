// Lists of jobs: what is ticked is counted, ticking holds updates, the filter completes its fields.
const form = document.querySelector("[data-selection]"), said = document.querySelector("[data-ticked]");
const every = form?.querySelector("[data-tick-all]"), dialog = document.getElementById("confirm");
const boxes = () => [...form.querySelectorAll("input[name=id]")];
let last = null;
function tell() {
  const all = boxes(), count = all.filter((box) => box.checked).length, meant = form.querySelector("input[name=all]");
  if (meant && !count) meant.checked = false;
  if (every) { every.checked = count > 0 && count === all.length; every.indeterminate = count > 0 && count < all.length; }
  if (said) said.textContent = !count ? "With the ticked:" : meant?.checked ? "All that match. Updates held." : `${count} ticked. Updates held.`;
}
form?.addEventListener("change", (event) => {
  if (event.target === every) for (const box of boxes()) box.checked = every.checked;
  tell();
});
form?.addEventListener("click", (event) => {
  if (!event.target.matches("input[name=id]")) return;
  const all = boxes(), at = all.indexOf(event.target), from = all.indexOf(last);
  if (event.shiftKey && from >= 0) for (const box of all.slice(Math.min(at, from), Math.max(at, from) + 1)) box.checked = event.target.checked;
  last = event.target;
});
document.addEventListener("tq:refreshed", () => form && tell());

// A verb asks before it acts: the page that asks is shown as a dialog over the list. Without it, the page itself is.
form?.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!dialog?.showModal || !button?.hasAttribute("data-verb")) return;
  event.preventDefault();
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), asked = page.querySelector("[data-confirm]");
    const main = document.getElementById("main"), told = page.querySelector(".messages");
    if (!asked) return told ? main.prepend(told) : main.replaceChildren(...page.getElementById("main").childNodes);
    const title = asked.querySelector("h1"), heading = document.createElement("h2");
    heading.id = title.id; heading.textContent = title.textContent; title.replaceWith(heading);
    dialog.replaceChildren(document.adoptNode(asked));
    dialog.showModal();
    dialog.querySelector("#confirm-reason, [data-close]").focus();
  } catch { document.getElementById("announcer").textContent = "The server did not answer."; } finally { button.removeAttribute("aria-busy"); }
});
dialog?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]") && event.target !== dialog) return;
  event.preventDefault();
  dialog.close();
});

const filter = document.getElementById("filter");
if (filter) {
  const fields = filter.dataset.fields.split(" "), states = filter.dataset.states.split(" ");
  const list = document.createElement("ul");
  list.className = "completions"; list.id = "completions"; list.hidden = true;
  list.setAttribute("role", "listbox"); list.setAttribute("aria-label", "Completions");
  filter.after(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "completions"], ["aria-expanded", "false"]]) filter.setAttribute(name, value);
  let at = -1;
  const word = () => filter.value.slice(0, filter.selectionStart).split(/\s/).pop();
  const found = () => {
    const typed = word().replace(/^-/, "");
    if (typed.startsWith("state:")) { const part = typed.slice(6).split(",").pop(); return states.filter((s) => s.startsWith(part) && s !== part); }
    if (!typed || typed.includes(":")) return [];
    return fields.filter((f) => f.startsWith(typed)).map((f) => (f === "args" ? "args." : `${f}:`));
  };
  const close = () => { list.hidden = true; at = -1; filter.setAttribute("aria-expanded", "false"); filter.removeAttribute("aria-activedescendant"); };
  const mark = () => [...list.children].forEach((item, n) => { item.setAttribute("aria-selected", String(n === at)); if (n === at) filter.setAttribute("aria-activedescendant", item.id); });
  const show = () => {
    const all = found().slice(0, 10);
    if (!all.length) return close();
    list.replaceChildren(...all.map((text, n) => { const item = document.createElement("li"); item.id = `completion-${n}`; item.setAttribute("role", "option"); item.textContent = text; return item; }));
    list.hidden = false; at = -1; filter.setAttribute("aria-expanded", "true"); mark();
  };
  const take = (text) => {
    const end = filter.selectionStart, typed = word(), colon = Math.max(typed.lastIndexOf(":"), typed.lastIndexOf(",")) + 1;
    const keep = typed.includes(":") ? typed.slice(0, colon) : typed.startsWith("-") ? "-" : "";
    const head = filter.value.slice(0, end - typed.length) + keep + text;
    filter.value = head + filter.value.slice(end);
    filter.setSelectionRange(head.length, head.length);
    show();
  };
  filter.addEventListener("input", show);
  filter.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => { event.preventDefault(); if (event.target.matches("li")) take(event.target.textContent); });
  filter.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); at = (at + (event.key === "ArrowDown" ? 1 : -1) + list.children.length) % list.children.length; mark(); }
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) { event.preventDefault(); take(list.children[at].textContent); }
    else if (event.key === "Escape") { event.stopPropagation(); close(); }
  });
}
