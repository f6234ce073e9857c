/* The page: which view is shown, and the state of the connection. */
import { book } from "./book.js";
import { cardView } from "./card.js";
import { deliveryView } from "./delivery.js";
import { h } from "./dom.js";
import { findSample, guide, sample } from "./guide.js";
import { telephone } from "./phone.js";
import { connect, listen, store } from "./store.js";
import { cardTrace, eventTrace } from "./trace.js";
import { trafficView } from "./traffic.js";
import { tryView } from "./try.js";

const main = document.getElementById("main"), aside = document.getElementById("phone"), pulse = document.getElementById("pulse");
const NARROW = matchMedia("(max-width: 1179px)");
const TAB_OF = { card: "contacts", trace: "contacts", event: "traffic" };
const TITLES = { contacts: "Contact book", calls: "Calls", try: "Try it", delivery: "Delivery", traffic: "Traffic", card: "Contact", trace: "Where it comes from", event: "Event" };
const callsPlace = h("div"), callsView = h("section", { class: "calls-view", "aria-label": "Calls" }, h("h1", { class: "unseen" }, "Calls"), callsPlace);
let route = ["contacts"], pair = null;

function read() {
  const [name = "contacts", rest = ""] = location.hash.replace(/^#\//, "").split("/", 2);
  const known = name in TITLES ? name : "contacts";
  let value = "";
  try { value = decodeURIComponent(rest); } catch { /* not an address of ours */ }
  return (known === "card" || known === "trace") && !isId(value) ? ["contacts", ""] : [known, value];
}

function isId(text) {
  try { return Array.isArray(JSON.parse(text)) && JSON.parse(text).length === 5; } catch { return false; }
}

function put(...nodes) {
  if (nodes.length !== main.children.length || nodes.some((node, index) => main.children[index] !== node)) main.replaceChildren(...nodes);
}

function contacts(id) {
  const detail = id ? cardView(id) : guide();
  pair ??= h("div", { class: "pair-view" });
  const list = book(id);
  if (pair.children[0] !== list || pair.children[1] !== detail) pair.replaceChildren(list, detail);
  pair.classList.toggle("has-card", Boolean(id));
  return pair;
}

const VIEWS = {
  contacts: () => contacts(""),
  card: (id) => contacts(id),
  calls: () => { telephone(callsPlace, sample()?.number); return callsView; },
  try: (number) => tryView(number),
  delivery: () => deliveryView(),
  traffic: (number) => trafficView(number),
  trace: (id) => cardTrace(id),
  event: (number) => eventTrace(number),
};

function show() {
  const [name, value] = route;
  document.body.dataset.view = name;
  for (const element of document.querySelectorAll(".tabs [data-bridge]")) element.hidden = !store.bridge;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === (TAB_OF[name] ?? name)) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  document.getElementById("where").textContent = store.projects.length ? `Ringostat project ${store.projects.join(", ")}, on this machine` : "local world";
  showDue();
  pulse.className = `pulse ${store.connected ? (store.faults.length ? "faulty" : "live") : "lost"}`;
  const words = !store.connected ? (store.loaded ? "Reconnecting" : "Connecting") : store.faults.length ? "Live, with a fault" : "Live";
  if (pulse.textContent !== words) pulse.textContent = words;
  if (!store.loaded) return;
  put(VIEWS[name](value));
  findSample();
  if (name !== "calls") telephone(aside, sample()?.number);
  aside.hidden = name === "trace" || name === "event" || name === "calls" || NARROW.matches;
}

function showDue() {
  const due = document.getElementById("due"), number = store.delivery.due?.length ?? 0;
  due.hidden = number === 0;
  const words = `${number}${store.delivery.more ? "+" : ""}`;
  if (due.title === words) return;
  due.title = words;
  due.replaceChildren(words, h("span", { class: "unseen" }, " due"));
}

function go() {
  const before = route.join();
  route = read();
  document.title = `${TITLES[route[0]]} · ringostat-bridge`;
  show();
  if (before !== route.join()) {
    const stays = route[0] === "card" && !NARROW.matches;
    if (!stays) scrollTo(0, 0);
    if (!stays && document.activeElement?.tagName !== "INPUT") main.focus({ preventScroll: true });
  }
}

addEventListener("hashchange", go);
NARROW.addEventListener("change", show);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
  const search = document.getElementById("search");
  if (!search) return;
  event.preventDefault();
  search.focus();
});
listen(show);
route = read();
show();
connect();
