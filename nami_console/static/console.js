// What a page can do beyond links and forms: stay live, copy, hold, tell a chart's numbers. Whatever comes from the
// server as HTML was escaped there; nothing here makes HTML of text.
"use strict";

const said = document.getElementById("said");
const say = (text) => { said.textContent = text; };

function fragment(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

function dress(root) {
  for (const button of root.querySelectorAll("button[hidden], input[hidden]")) button.hidden = false;
}

// Each part with an id that has changed takes the place of the one that is there, but for what holds the focus.
function replace(target, fresh) {
  const ids = [...fresh.children].map((each) => each.id);
  for (const old of [...target.children]) {
    if (!ids.includes(old.id) && !old.contains(document.activeElement)) old.remove();
  }
  for (const each of [...fresh.children]) {
    dress(each);
    const old = document.getElementById(each.id);
    if (!old) target.append(each);
    else if (old.outerHTML !== each.outerHTML && !old.contains(document.activeElement)) old.replaceWith(each);
  }
}

const MOST_ROWS = 500;

function prepend(target, fresh) {
  const rows = [...fresh.children].filter((each) => !document.getElementById(each.id));
  for (const row of rows) row.classList.add("new");
  target.prepend(...rows);
  while (target.children.length > MOST_ROWS) target.lastElementChild.remove();
  if (rows.length) say(`${rows.length} new`);
}

// A page that nobody sees asks for nothing.
function live(element) {
  const target = element.tBodies ? element.tBodies[0] : element;
  const place = element.dataset.place === "prepend" ? prepend : replace;
  const hold = document.querySelector("button.hold");
  let source = null;
  let held = [];
  let over = false;
  let closed = null;
  const shown = (html) => place(target, fragment(html));
  const label = () => { hold.textContent = held.length ? `Go on (${held.length} new)` : "Go on"; };
  const open = () => {
    if (source || over || document.hidden) return;
    // What came while nobody looked is asked for.
    const after = closed ? `${element.dataset.live.includes("?") ? "&" : "?"}after=${closed}` : "";
    source = new EventSource(element.dataset.live + after);
    source.addEventListener("piece", (event) => {
      if (hold && hold.getAttribute("aria-pressed") === "true") {
        held.push(event.data);
        label();
      } else shown(event.data);
    });
    source.addEventListener("trouble", (event) => say(event.data));
    source.addEventListener("end", () => { over = true; close(); });
  };
  const close = () => {
    if (source) closed = Date.now();
    if (source) source.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("stopped", () => { close(); open(); });
  if (hold) {
    hold.addEventListener("click", () => {
      const holds = hold.getAttribute("aria-pressed") !== "true";
      hold.setAttribute("aria-pressed", String(holds));
      if (holds) return label();
      hold.textContent = "Hold";
      held.splice(0).forEach(shown);
    });
  }
  open();
}

// A part that takes a while comes after the page.
async function load(element) {
  try {
    const answer = await fetch(element.dataset.load);
    const html = await answer.text();
    element.replaceChildren(fragment(html));
    dress(element);
    element.removeAttribute("aria-busy");
  } catch { say("a part of the page could not be loaded"); }
}

// The numbers of the period that the pointer or the arrow keys are at, in all charts at once.
let period = null;

function tell(charts, at) {
  const times = charts.dataset.times.split("|");
  period = at === null ? null : Math.min(Math.max(at, 0), times.length - 1);
  for (const chart of charts.querySelectorAll(".chart")) {
    chart.querySelector(".at").textContent = period === null ? "" : times[period];
    for (const value of chart.querySelectorAll("[data-values]")) {
      const number = period === null ? "" : value.dataset.values.split(" ")[period];
      value.textContent = number === "-" ? "\u2013" : number && Number(number).toLocaleString("en");
    }
    chart.querySelector(".cursor")?.remove();
    if (period === null || !chart.querySelector("svg")) continue;
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", "cursor");
    line.setAttribute("d", `M${((period + 0.5) * 600) / times.length} 0v120`);
    chart.querySelector("svg").append(line);
  }
}

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.(".plot");
  const charts = document.querySelector("[data-times]");
  if (!plot) {
    if (charts && period !== null && !document.activeElement.closest(".plot")) tell(charts, null);
    return;
  }
  const box = plot.getBoundingClientRect();
  const count = charts.dataset.times.split("|").length;
  tell(charts, Math.floor(((event.clientX - box.left) / box.width) * count));
});

document.addEventListener("focusin", (event) => {
  const charts = document.querySelector("[data-times]");
  if (charts) tell(charts, event.target.closest(".plot") ? Infinity : null);
});

document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!step || !event.target.closest?.(".plot")) return;
  event.preventDefault();
  tell(document.querySelector("[data-times]"), (period ?? 0) + step);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy !== undefined || button.dataset.copyOf) {
    const text = button.dataset.copyOf ? document.getElementById(button.dataset.copyOf).textContent : button.dataset.copy;
    try { await navigator.clipboard.writeText(text); say("Copied"); } catch { say("The browser does not let the page copy"); }
  }
  if (button.dataset.open) {
    const open = button.dataset.open === "all";
    for (const each of button.closest("section").querySelectorAll("details")) each.open = open;
  }
});

document.addEventListener("change", (event) => {
  const group = event.target.dataset.chooses;
  if (group) for (const each of document.querySelectorAll(`input[data-group="${group}"]`)) each.checked = event.target.checked;
});

// Sliders: what comes of them, as they move; of several answers the last that was asked for.
function plan(form) {
  const outcome = document.getElementById("outcome");
  let asked = 0;
  form.querySelector("button").hidden = true;
  form.addEventListener("input", async () => {
    for (const each of form.querySelectorAll("input")) {
      each.parentElement.querySelector("b").textContent = Number(each.value).toLocaleString("en");
    }
    const number = ++asked;
    await new Promise((resolve) => setTimeout(resolve, 80));
    if (number !== asked) return;
    const query = new URLSearchParams(new FormData(form));
    history.replaceState(null, "", `?${query}`);
    const answer = await fetch(`${form.dataset.outcome}?${query}`);
    const html = await answer.text();
    if (number === asked) outcome.replaceChildren(fragment(html));
  });
}

// A search that reads each event says so before its page is there, and can be stopped.
function search(form) {
  const slow = form.querySelector("#slow");
  if (!slow) return;
  form.addEventListener("submit", () => { slow.hidden = !form.elements.text.value && !form.elements.field.value; });
  slow.querySelector("button").addEventListener("click", () => {
    window.stop();  // which ends what keeps this page live, too
    dispatchEvent(new Event("stopped"));
    slow.hidden = true;
    say("Stopped");
  });
}

dress(document);
document.querySelectorAll("form.search").forEach(search);
document.querySelectorAll("form[data-outcome]").forEach(plan);
document.querySelectorAll("[data-live]").forEach(live);
document.querySelectorAll("[data-load]").forEach(load);
