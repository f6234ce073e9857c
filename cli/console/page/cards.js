/* Cards: the table by pages, an id at once, one card with all that is known of it. */
import { act, fill, paged } from "./acts.js";
import { foreign, h, outward, replace } from "./dom.js";
import { lines } from "./lines.js";
import { badge, story } from "./paths.js";
import { avatar, count, day, when } from "./words.js";

const STATES = { "": "Any state", refused: "Refused", waiting: "Waiting", retrying: "Retrying", due: "Due", erased: "Erased", delivered: "Delivered" };

export const cardPath = (key) => `#/card/${encodeURIComponent(key)}`;

export function cardRow(card) {
  return h("a", { class: "row", href: cardPath(card.key) },
    avatar(card.name, card.key),
    h("span", { class: "row-text" }, foreign(card.name, { class: "row-name" }), foreign(card.key, { class: "row-second" })),
    h("span", { class: "row-side" }, badge(card.state), h("span", { class: "origin" }, foreign(card.connection || "unknown connection"))));
}

export function cardsView() {
  const results = h("div", { "aria-live": "polite" });
  const search = h("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false", placeholder: "42, lead:42, 067 000 00 01" });
  const state = h("select", { id: "state" }, Object.entries(STATES).map(([value, text]) => h("option", { value }, text)));
  const form = h("form", { class: "find", role: "search", onsubmit: (event) => { event.preventDefault(); find(); } },
    h("label", { for: "search" }, "Id, name or number", search), h("label", { for: "state" }, "State", state), h("button", { class: "primary" }, "Search"));
  function find() {
    const text = search.value.trim();
    if (text && !state.value) byId(results, text);
    else if (text || state.value) through(results, text, state.value);
    else fill(results, "/api/book", (page) => pages(page, "", ""));
  }
  find();
  return h("section", { class: "views", "aria-label": "Cards" },
    h("div", { class: "sheet" }, h("h1", null, "Cards"), form,
      h("p", { class: "hint" }, "An id and a whole phone number are found at once. Names and states have no index: for them the table is read, 1,000 rows at a time.")),
    h("div", { class: "sheet" }, results));
}

/** Ask the table for an id. What is not found so may still be a name or a number, which takes reading. */
function byId(place, text) {
  fill(place, `/api/find?text=${encodeURIComponent(text)}`, ({ cards }) => {
    const rest = h("div");
    return [h("h2", null, cards.length ? `${count(cards.length, "card")} of this id or number` : "No card has this id or number"),
      h("ul", { class: "rows plain", "aria-label": "Cards of this id", hidden: !cards.length }, cards.map((card) => h("li", null, cardRow(card)))),
      rest, h("button", { type: "button", onclick: (event) => { event.target.hidden = true; through(rest, text, ""); } }, "Read the table for a name or number like this")];
  });
}

function through(place, text, state) {
  fill(place, address(text, state)(""), (page) => pages(page, text, state));
}

const address = (text, state) => (after) => `/api/book?${new URLSearchParams({ text, state, after })}`;

function pages(first, text, state) {
  const seeks = Boolean(text || state), read = h("p", { class: "muted", role: "status" });
  let rows = 0;
  const told = (page) => {
    rows += page.read;
    read.textContent = page.after ? `${count(rows, "row")} of the table read, there are more.` : `The table is read whole: ${count(rows, "row")}.`;
    return page;
  };
  const list = paged(told(first), address(text, state), cardRow, { label: "Cards", none: seeks ? "None among the rows read so far." : "There is no card yet.", seen: told });
  return [h("h2", null, seeks ? "Cards that fit" : "Cards, in the order of the table"), list, read];
}

export function cardView(key) {
  const root = h("section", { class: "card-view", "aria-label": "Card" });
  const load = () => fill(root, `/api/card?key=${encodeURIComponent(key)}`, (card) => whole(card));
  load();
  return root;
}

function whole(card) {
  const again = h("button", { type: "button", class: "small", onclick: () => replace(document.getElementById("main"), cardView(card.key)) }, "Read again");
  return [
    h("a", { class: "back", href: "#/cards" }, "‹ All cards"),
    h("header", { class: "card-head" }, avatar(card.name, card.key, "large"),
      h("div", null, h("h1", null, foreign(card.name)), h("p", { class: "muted" }, foreign(card.key))), badge(card.state), again),
    card.held.length ? h("ul", { class: "plain-list" }, card.held.map((text) => h("li", { class: "wrong" }, text))) : null,
    h("dl", { class: "facts" }, fact("Came by", foreign(card.connection || "unknown")), fact("Revision", String(card.revision)),
      fact("Confirmed", card.confirmed ? when(card.confirmed / 1000) : "never"), card.since ? fact("Due since", when(card.since / 1000)) : null),
    story(card.story),
    card.wanted.length ? h("ul", { class: "plain-list" }, card.wanted.map((text) => h("li", { class: "note" }, text))) : null,
    card.logs ? outward(card.logs, ["Its story in the logs", h("span", { class: "unseen" }, ", opens AWS in a new tab")], { class: "button" }) : h("p", { class: "hint" }, "Its story in the logs: this stack has no saved query that can be opened."),
    h("div", { class: "actions" },
      card.state.startsWith("refused") ? act("Post it once more", "Post this card to Ringostat again, after its cause was fixed?", "retry", () => ({ key: card.key })) : null,
      card.left ? act("Take it off the list", "Have you removed this contact in Ringostat’s contact book?", "remove", () => ({ key: card.key })) : null,
      card.state === "erased" ? null : act("Erase it", `Erase ${card.key} for good? Its fields and its rejected events are deleted, and later events of it are skipped.`, "erase", () => ({ key: card.key }))),
    h("h2", null, "Fields"), fields(card.fields),
    card.posted ? [h("h2", null, "What Ringostat is to know"), lines(JSON.stringify(card.posted), "application/json", "Body for Ringostat").root] : null,
  ];
}

const fact = (title, value) => h("div", null, h("dt", null, title), h("dd", null, value));

function fields(found) {
  if (!found.length) return h("p", { class: "muted" }, "The card has no fields.");
  return h("table", { class: "fields" },
    h("colgroup", null, h("col", { class: "names" }), h("col")),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Field"), h("th", { scope: "col" }, "Value and stamps"))),
    h("tbody", null, found.map((one) => h("tr", null, h("th", { scope: "row" }, one.name),
      h("td", null, foreign(JSON.stringify(one.value), { class: "value" }), h("span", { class: "why" }, `changed ${day(one.changedAt / 1000)}, arrived ${day(one.receivedAt / 1000)}`))))));
}
