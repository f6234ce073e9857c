/* One card: what a manager sees, and what became of it. */
import { ask, foreign, h, replace } from "./dom.js";
import { badge, buttons, keyOf, story } from "./paths.js";
import { ringIt } from "./phone.js";
import { stateOf, store } from "./store.js";
import { avatar, clock, count, phone, when } from "./words.js";

let shown = null;

export function cardView(id) {
  if (shown?.id !== id) {
    shown = { id, root: h("section", { class: "card-view", "aria-label": "Chosen card" }), version: "" };
  }
  show();
  return shown.root;
}

async function show() {
  const { id, root } = shown, card = store.cards.get(id);
  const key = keyOf(id);
  const version = `${card?.mark}|${stateOf(key)}|${store.events[0]?.number}|${store.bridge}`;
  if (version === shown.version) return;
  shown.version = version;
  const here = shown;
  const [book, bridge] = await Promise.all([
    ask("GET", `/_emulator/card?id=${encodeURIComponent(id)}`).catch(() => ({ landed: [], card: null })),
    store.bridge ? ask("GET", `/_bridge/card?id=${encodeURIComponent(id)}`).catch(() => null) : null,
  ]);
  if (here !== shown || here.version !== version) return;
  const name = card?.name ?? bridge?.events[0]?.outcomes[0]?.card ?? "Card";
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  replace(root,
    h("a", { class: "back narrow-only", href: "#/contacts" }, "‹ All contacts"),
    h("header", { class: "card-head" },
      avatar(name, id, "large"),
      h("div", null, h("h1", null, foreign(name)), h("p", { class: "muted" }, organizations(card))),
      bridge?.state ? badge(bridge.state) : null),
    card?.kind === "contacts" ? buttons(card.links) : null,
    card ? facts(card, book.card) : h("p", { class: "note" }, "Ringostat does not know this card yet."),
    bridge ? h("a", { class: "button primary", href: `#/trace/${encodeURIComponent(id)}`, "data-focus": "trace" }, "Where does each field come from?") : null,
    bridge ? story(bridge.story) : null,
    timeline(book, bridge));
  if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function organizations(card) {
  if (!card) return "";
  if (card.kind === "organizations") return "Organization";
  return card.organizations.length ? card.organizations.map((name, index) => [index ? ", " : "", foreign(name)]) : "No organization";
}

function facts(card, posted) {
  const ringable = (number) => h("li", { class: "reach" },
    h("span", { class: "reach-value" }, phone(number)),
    h("button", { type: "button", class: "small", "data-focus": number, onclick: () => ringIt(number) }, "Ring", h("span", { class: "unseen" }, ` ${number}`)));
  return [
    card.kind === "contacts" ? h("ul", { class: "reaches", "aria-label": "Phones and e-mails" },
      card.phones.map(ringable), card.emails.map((email) => h("li", { class: "reach" }, foreign(email, { class: "reach-value" })))) : null,
    h("dl", { class: "facts" },
      card.kind === "contacts" ? fact("Responsible", card.responsible === "0" ? "No one" : foreign(card.responsible)) : null,
      fact("Source", foreign(card.origin)),
      fact("Number in the CRM", foreign(card.number)),
      posted?.staffId ? fact("Ringostat employee", foreign(posted.staffId)) : null,
      fact("Last confirmed", when(card.at))),
  ];
}

const fact = (title, value) => h("div", null, h("dt", null, title), h("dd", null, value));

function timeline(book, bridge) {
  const events = (bridge?.events ?? []).map((event) => ({
    time: event.time, title: `${event.connection} sent it`, text: summary(event), href: `#/event/${event.number}`,
  }));
  const posts = book.landed.slice(-20).map((state) => ({
    time: state.time, title: "Ringostat took it", text: `request ${state.request}`, href: `#/traffic/${state.request}`,
  }));
  const all = [...events, ...posts].sort((one, other) => other.time - one.time);
  if (!all.length) return null;
  return h("section", null, h("h3", null, "What happened"), h("ol", { class: "timeline" }, all.map((step) =>
    h("li", null, h("span", { class: "muted tabular" }, clock(step.time)), h("a", { href: step.href }, step.title), h("span", { class: "muted" }, step.text)))));
}

function summary(event) {
  try {
    const answer = JSON.parse(event.answer);
    const found = ["accepted", "unchanged", "stale"].filter((name) => answer[name]).map((name) => `${answer[name]} ${name}`);
    return `${event.status}, ${found.join(", ") || count((answer.skipped ?? []).length, "skipped", "skipped")}`;
  } catch { return event.status ? String(event.status) : event.method; }
}
