/* Delivery, rejected events and connections of the stack. */
import { act, fill, isReadOnly, paged } from "./acts.js";
import { cardPath, cardRow } from "./cards.js";
import { foreign, h, outward } from "./dom.js";
import { badge } from "./paths.js";
import { count, day, when } from "./words.js";

const list = (texts, kind) => texts.length ? h("ul", { class: "plain-list" }, texts.map((text) => h("li", { class: kind }, text))) : null;
const sheet = (...children) => h("div", { class: "sheet" }, children);
const head = (title, text, load) => h("header", { class: "head wide" }, h("div", null, h("h1", null, title), h("p", { class: "muted" }, text)), h("button", { type: "button", onclick: load }, "Read again"));

/** A view that reads one address, and reads it again by its button. */
function reading(title, text, path, make) {
  const place = h("div", { class: "views two" });
  const load = () => fill(place, path, make);
  load();
  return h("section", { class: "views", "aria-label": title }, head(title, text, load), place);
}

export const deliveryView = () => reading("Delivery", "What Ringostat has not confirmed, and what holds it up.", "/api/delivery", (found) => [
  found.projects.map(project), wants(found.wanted), queues(found.queues),
  found.projects.length ? null : h("p", { class: "note" }, "No card ever came to this stack."),
]);

function project({ project: id, held, circuits, due, left }) {
  const open = circuits.filter((one) => one.state !== "closed");
  const more = (name) => (after) => `/api/${name}?${new URLSearchParams({ project: id, after })}`;
  return [
    sheet(h("h2", null, `Project ${id}: due cards`), list(held, "wrong"), open.length || held.length ? null : h("p", { class: "muted" }, "Every circuit is closed, and Ringostat asks for no pause."),
      paged(due, more("due"), dueRow, { label: `Due cards of project ${id}`, none: "No card is due: Ringostat has confirmed everything." })),
    sheet(h("h2", null, `Project ${id}: left behind`), h("p", { class: "muted" }, "Ringostat may still show them: remove them there by hand."),
      paged(left, more("left"), leftRow, { label: `Cards left behind of project ${id}`, none: "No card is left behind." })),
  ];
}

function dueRow(card) {
  const row = cardRow(card), moments = h("span", { class: "row-second" }, card.since ? ["due since ", when(card.since / 1000)] : null, card.next ? [", next try ", when(card.next / 1000)] : null);
  row.querySelector(".row-text").append(moments);
  return row;
}

const leftRow = (card) => h("a", { class: "row", href: cardPath(card.key) }, h("span", { class: "row-text" },
  foreign(card.name || card.key, { class: "row-name" }), foreign([card.why, ...card.numbers].join("; "), { class: "row-second" })), h("span", { class: "row-side" }, when(card.since / 1000)));

const wants = (found) => sheet(h("h2", null, "Wanted from CRMs"), found.length
  ? h("ul", { class: "plain-list" }, found.map((one) => h("li", null, foreign(one.connection), " ", one.words, list(one.held, "wrong"))))
  : h("p", { class: "muted" }, "No connection ever wanted a record of its CRM."));

const queues = (depths) => sheet(h("h2", null, "Queues"), h("dl", { class: "facts" }, Object.entries(depths).map(([name, depth]) =>
  h("div", null, h("dt", null, name), h("dd", null, depth.toLocaleString("en"))))));

export const rejectedView = () => reading("Rejected events", "What no mapping could use, whole for 14 days. They are held for a moment while they are read.", "/api/rejected", ({ events, more }) => {
  if (!events.length) return h("p", { class: "note" }, "The rejected queue gives nothing.");
  const chosen = () => [...document.querySelectorAll("[name=rejected]:checked")].map((box) => box.value);
  return h("div", { class: "sheet wide" },
    h("p", { class: "muted", role: "status" }, more ? `The first ${events.length}; there are more: bridge rejected list` : count(events.length, "rejected event")),
    isReadOnly() ? null : h("div", { class: "actions" }, h("button", { type: "button", onclick: () => { for (const box of document.querySelectorAll("[name=rejected]")) box.checked = true; } }, "Choose all"),
      act("Replay the chosen", "Send the chosen events to the inbox queue again, with their first time of arrival?", "replay", () => ({ ids: chosen() }))),
    h("ul", { class: "log", "aria-label": "Rejected events, newest first" }, events.map((one) => h("li", null, h("div", { class: "log-head" },
      isReadOnly() ? null : h("input", { type: "checkbox", name: "rejected", value: one.identity, "aria-label": `Choose ${one.identity.slice(0, 8)}` }),
      h("span", { class: "muted tabular" }, day(one.at / 1000)), h("a", { href: `#/event/${one.identity}` }, foreign(one.connection || "no connection")), badge(`reject ${one.code}`)),
      foreign(one.reason, { class: "muted" })))));
});

export function eventView(identity) {
  const place = h("div", { class: "views" });
  fill(place, `/api/event?id=${encodeURIComponent(identity)}`, (one) => sheet(
    h("a", { class: "back", href: "#/rejected" }, "‹ All rejected events"),
    h("h1", null, foreign(one.connection || "No connection"), " ", badge(`reject ${one.code}`)), foreign(one.reason),
    h("dl", { class: "facts" }, fact("Arrived", day(one.at / 1000)), fact("Request", foreign(one.request)), fact("Content type", foreign(one.contentType))),
    h("h2", null, "What would come of it now"), list(one.now, "note"),
    act("Replay it", "Send this event to the inbox queue again, with its first time of arrival?", "replay", () => ({ ids: [one.identity] })),
    h("h2", null, "Body"), h("pre", { tabindex: "0", role: "region", "aria-label": "Body" }, one.body),
    Object.keys(one.headers).length ? [h("h2", null, "Headers and query"), h("ul", { class: "plain-list" }, Object.entries({ ...one.headers, ...one.query }).map(([name, text]) => h("li", null, h("code", null, name), " ", foreign(text))))] : null));
  return h("section", { class: "views", "aria-label": "Rejected event" }, place);
}

const fact = (title, value) => h("div", null, h("dt", null, title), h("dd", null, value));

export const connectionsView = () => reading("Connections", "Without their secrets.", "/api/connections", ({ connections }) => connections.map((one) => sheet(h("h2", null, foreign(one.name)), list(one.problems, "wrong"),
    one.mapping ? h("dl", { class: "facts" }, fact("Mapping", foreign(one.mapping)), fact("Project", String(one.project)), fact("Country", foreign(one.country ?? "?")), fact("Time zone", foreign(one.time_zone ?? "?")),
      fact("Proof", one.scheme ?? "by the queue alone"), fact("CRM", outward(one.crm_url ?? "", foreign(one.crm_url ?? "not given"))), fact("Last event", one.heard ? [when(one.heard / 1000), one.silent ? ": it is silent" : ""] : "none is known")) : h("p", { class: "wrong" }, "Its entry is broken."))));
