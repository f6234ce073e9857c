/* The console: which view is shown. Each view reads when it is opened; nothing is read behind the user's back. */
import { cardView, cardsView } from "./cards.js";
import { ask, h, headers, replace } from "./dom.js";
import { connectionsView, deliveryView, eventView, rejectedView } from "./stack.js";

const TOKEN = "X-Bridge-Console";
const main = document.getElementById("main");
const VIEWS = {
  cards: ["Cards", cardsView], card: ["Card", cardView], delivery: ["Delivery", deliveryView],
  rejected: ["Rejected events", rejectedView], event: ["Rejected event", eventView], connections: ["Connections", connectionsView],
};
const TAB_OF = { card: "cards", event: "rejected" };

/** The printed address brings the token once; storage of this origin keeps it for further tabs. */
function enter() {
  const [, token] = /^#\/token\/([\w-]+)$/.exec(location.hash) ?? [];
  if (token) {
    localStorage.setItem(TOKEN, token);
    history.replaceState(null, "", "/#/cards");
  }
  headers[TOKEN] = localStorage.getItem(TOKEN) ?? "";
}

function read() {
  const [name = "", rest = ""] = location.hash.replace(/^#\//, "").split("/", 2);
  let value = "";
  try { value = decodeURIComponent(rest); } catch { /* not an address of ours */ }
  return Object.hasOwn(VIEWS, name) ? [name, value] : ["cards", ""];
}

function show(focus) {
  const [name, value] = read(), [title, view] = VIEWS[name];
  document.title = `${title} · ringostat-bridge`;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === (TAB_OF[name] ?? name)) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  main.replaceChildren(view(value));
  scrollTo(0, 0);
  if (focus) main.focus({ preventScroll: true });
}

async function start() {
  enter();
  try {
    const found = await ask("GET", "/api/start");
    document.getElementById("where").textContent = new URL(found.where).host;
    if (found.readOnly) {
      document.body.dataset.readOnly = "";
      document.getElementById("mode").textContent = "Read-only";
    }
    addEventListener("hashchange", () => show(true));
    show(false);
  } catch (error) {
    replace(main, h("p", { class: "wrong", role: "alert" }, error.message));
  }
}

addEventListener("keydown", (event) => {
  const search = document.getElementById("search");
  if (event.key !== "/" || !search || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  search.focus();
});
start();
