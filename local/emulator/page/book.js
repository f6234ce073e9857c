/* The contact book: search, list. */
import { foreign, h, keyed, replace } from "./dom.js";
import { cardPath } from "./paths.js";
import { search, store } from "./store.js";
import { avatar, count, phone, when } from "./words.js";

const AT_ONCE = 60;
let typed = "", kind = "contacts", limit = AT_ONCE, parts = null;

function make() {
  const input = h("input", {
    type: "search", id: "search", placeholder: "Name, number, e-mail, company", autocomplete: "off", spellcheck: "false",
    "aria-label": "Search the contact book", "aria-controls": "book-list", value: typed,
    oninput: (event) => { typed = event.target.value; limit = AT_ONCE; show(); },
    onkeydown: (event) => { if (event.key === "ArrowDown") { event.preventDefault(); move(null, 1); } },
  });
  const kinds = h("div", { class: "segments", role: "group", "aria-label": "What to list" },
    ...["contacts", "organizations"].map((name) => h("button", {
      type: "button", "data-kind": name, onclick: () => { kind = name; limit = AT_ONCE; show(); },
    })));
  const found = h("p", { class: "found", role: "status" });
  const list = h("ul", { id: "book-list", class: "rows", onkeydown: onArrow });
  const more = h("button", { type: "button", class: "quiet wide", onclick: () => { limit += 200; show(); } });
  parts = { input, kinds, found, list, more };
  parts.root = h("section", { class: "book", "aria-label": "Contact book" },
    h("div", { class: "book-head" }, h("h1", null, "Contact book"), input, kinds, found), list, more);
}

export function book(chosen) {
  if (!parts) make();
  parts.chosen = chosen;
  show();
  return parts.root;
}

function show() {
  const all = store[kind], cards = search(all, typed);
  for (const button of parts.kinds.children) {
    const name = button.dataset.kind;
    replace(button, name === "contacts" ? "Contacts" : "Organizations", h("span", { class: "number" }, store[name].length.toLocaleString("en")));
    button.setAttribute("aria-pressed", String(name === kind));
  }
  const words = typed.trim() ? `${cards.length.toLocaleString("en")} of ${count(all.length, kind.slice(0, -1))}` : "Newest first";
  if (parts.found.textContent !== words) parts.found.textContent = words;
  keyed(parts.list, cards.slice(0, limit), (card) => card.id, (card) => `${card.mark}${card.id === parts.chosen}`, row);
  parts.more.hidden = cards.length <= limit;
  parts.more.textContent = `Show more of ${cards.length.toLocaleString("en")}`;
}

function row(card) {
  const chosen = card.id === parts.chosen;
  const second = card.kind === "contacts" ? card.organizations[0] ?? phone(card.phones[0] ?? card.emails[0] ?? "") : `No. ${card.number}`;
  return h("li", null, h("a", { class: "row", href: cardPath(card.id), "aria-current": chosen ? "true" : null },
    avatar(card.name, card.id),
    h("span", { class: "row-text" }, foreign(card.name, { class: "row-name" }), foreign(second, { class: "row-second" })),
    h("span", { class: "row-side" }, h("span", { class: "origin" }, foreign(card.origin)), when(card.at))));
}

function move(from, step) {
  const links = [...parts.list.querySelectorAll("a.row")];
  const next = links[from ? links.indexOf(from) + step : 0];
  if (next) next.focus();
  else if (step < 0) parts.input.focus();
}

function onArrow(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const link = event.target.closest("a.row");
  if (!step || !link) return;
  event.preventDefault();
  move(link, step);
}
