/* From the CRM to Ringostat: its own request, the mapping's line for each field, the stamps, and what was posted. */
import { ask, foreign, h, replace } from "./dom.js";
import { badge, cardPath, keyOf, story } from "./paths.js";
import { lines } from "./lines.js";
import { stateOf, store } from "./store.js";
import { clock, count, day } from "./words.js";

const BLOCKS = ["phone", "email", "organization"];  // of these, null is one that was dropped
let shown = null;

/** The way of a card, with a choice among the events that changed it. */
export function cardTrace(id) {
  return view(`card ${id}`, () => `${store.cards.get(id)?.mark}|${stateOf(keyOf(id))}|${store.events[0]?.number}`, async () => {
    const found = await ask("GET", `/_bridge/card?id=${encodeURIComponent(id)}`);
    return { events: found.events, card: found, title: store.cards.get(id)?.name ?? found.key, back: [cardPath(id), "Back to the card"] };
  });
}

/** The way of one event, whatever became of it. */
export function eventTrace(number) {
  return view(`event ${number}`, () => JSON.stringify(store.delivery.states ?? {}), async () => {
    const found = await ask("GET", `/_bridge/event?number=${number}`);
    return { events: [found], card: null, title: `Event ${number} of ${found.connection}`, back: ["#/traffic", "Back to the traffic"] };
  });
}

function view(name, versionOf, load) {
  if (shown?.name !== name) shown = { name, root: h("section", { class: "trace", "aria-label": "Where each field comes from" }), chosen: 0 };
  const version = versionOf();
  if (version !== shown.version) {
    shown.version = version;
    const here = shown;
    load().then((found) => { if (here === shown) show(here, found); }, (error) => replace(here.root, h("p", { class: "note" }, error.message)));
  }
  return shown.root;
}

function show(here, found) {
  const text = JSON.stringify([found, here.chosen]);
  if (here.text === text) return;
  here.text = text;
  const event = found.events[here.chosen] ?? found.events[0];
  const columns = event ? compared(event, found.card) : h("p", { class: "note" }, "No event of this card came since the world started, or it is forgotten: the newest events are kept.");
  replace(here.root,
    h("header", { class: "trace-head" },
      h("a", { class: "back", href: found.back[0] }, `‹ ${found.back[1]}`),
      h("h1", null, foreign(found.title)),
      found.card?.state ? badge(found.card.state) : null,
      found.events.length > 1 ? h("label", { class: "inline" }, "Event ", h("select", {
        onchange: (change) => { here.chosen = Number(change.target.value); show(here, found); },
      }, found.events.map((one, index) => h("option", { value: index, ...(index === here.chosen ? { selected: true } : {}) }, `${clock(one.time)} · ${one.connection}${index ? "" : " (newest)"}`)))) : null),
    event ? again(event) : null, columns);
}

/** Send an event once more as it came, or take it to Try it. */
function again(event) {
  const told = h("span", { class: "hint", role: "status" });
  const send = async () => {
    told.textContent = "Sending…";
    try { const { status } = await ask("POST", "/_bridge/again", { number: event.number }); told.textContent = status ? `The bridge answered ${status}.` : "It is in the inbox queue again."; } catch (error) { told.textContent = error.message; }
  };
  return h("div", { class: "actions again" }, h("button", { type: "button", onclick: send }, "Send again"),
    event.encoded && event.preset ? h("a", { class: "button", href: `#/try/${event.number}` }, "Edit in Try it") : null, told);
}

/** Three columns: what came (unless it is on the page already), what the mapping made of it, what Ringostat got. */
export function compared(event, card, { sent = true } = {}) {
  const source = lines(event.body, event.contentType, "Body that the CRM sent");
  const posted = card?.posted ?? mergedPosts(event.outcomes);
  const target = posted ? lines(JSON.stringify(posted), "application/json", "Body for Ringostat") : null;
  const mark = (row) => { source.mark(row?.sources ?? [], row?.raws ?? []); target?.markField(row?.name, row?.value); };
  return h("div", { class: sent ? "columns" : "results" },
    !sent ? null : h("section", { class: "panel" },
      h("h2", null, "What the CRM sent"),
      event.time ? h("p", { class: "muted" }, `${event.method} · ${clock(event.time)} · ${event.contentType || "no content type"} · ${count(event.bytes, "byte")}`) : null,
      query(event), source.root,
      event.answer ? h("details", null, h("summary", null, `Answered with ${event.status}`), lines(event.answer, "application/json", "Answer to the CRM").root) : null),
    h("section", { class: "panel wide-panel" },
      h("h2", null, sent ? "What the mapping made of it" : "What the mapping makes of it"),
      h("p", { class: "muted" }, event.mapping, event.outcomes.length > 1 ? ` · ${count(event.outcomes.length, "record")}` : ""),
      event.refusal ? h("p", { class: "because" }, "It was refused before a mapping was asked: ", foreign(event.refusal), ".") : null,
      event.outcomes.map((outcome) => outcomeView(outcome, mark))),
    h("section", { class: "panel" },
      h("h2", null, sent ? "What Ringostat gets" : "What Ringostat would get"),
      card?.story?.length ? story(card.story) : null,
      target ? target.root : h("p", { class: "note" }, nothing(event.outcomes))));
}

function nothing(outcomes) {
  return outcomes.some((one) => one.waiting) ? "Nothing yet: the card waits until a phone, an e-mail or a name is known." : "Nothing: no record of this event is a change.";
}

function mergedPosts(outcomes) {
  const bodies = outcomes.map((one) => one.wouldPost).filter(Boolean);
  if (!bodies.length) return null;
  const all = {};
  for (const body of bodies) for (const [name, records] of Object.entries(body)) (all[name] ??= []).push(...records);
  return all;
}

function query(event) {
  const pairs = typeof event.query === "string" ? [...new URLSearchParams(event.query)] : Object.entries(event.query ?? {});
  return pairs.length ? h("p", { class: "query" }, "?", pairs.map(([name, text], index) => [index ? "&" : "", `${name}=`, foreign(text)])) : null;
}

export function outcomeView(outcome, mark = () => {}) {
  return h("article", { class: "outcome" },
    h("h3", null, badge(outcome.result), " ", outcome.record || "no record of the mapping fits"),
    outcome.result === "change"
      ? h("p", { class: "muted" }, `${outcome.carries} change of ${outcome.card} · `, outcome.changedAt ? `changed in the CRM ${outcome.changedAt}` : "the CRM sent no time, so arrival counts")
      : h("p", { class: "because" }, h("code", null, outcome.code), outcome.field ? [" in ", h("code", null, outcome.field)] : "", `: ${outcome.reason}`),
    outcome.mismatches.length ? h("details", null, h("summary", null, "Why each record of the mapping did not match"), h("ul", null, outcome.mismatches.map((text) => h("li", null, foreign(text))))) : null,
    outcome.warnings.length ? h("ul", { class: "warnings" }, outcome.warnings.map((text) => h("li", null, text))) : null,
    outcome.rows.length ? rowsView(outcome.rows, mark) : null);
}

function rowsView(rows, mark) {
  const mapped = rows.filter((row) => row.place), rest = rows.filter((row) => !row.place).map((row) => row.name);
  let pinned = null;
  const body = h("tbody", null, mapped.map((row) => {
    const line = h("tr", { class: row.value === "null" ? "empty" : "", onmouseenter: () => mark(row), onmouseleave: () => mark(pinned) },
      h("th", { scope: "row" }, h("button", {
        type: "button", class: "plain", "aria-pressed": "false", title: "Show it in both bodies",
        onfocus: () => mark(row), onblur: () => mark(pinned),
        onclick: (event) => {
          pinned = pinned === row ? null : row;
          for (const button of body.querySelectorAll("th button")) button.setAttribute("aria-pressed", String(button === event.currentTarget && pinned === row));
          mark(pinned);
        },
      }, row.name)),
      h("td", null, foreign(row.value, { class: "value" }), h("span", { class: "why" }, h("code", null, row.place.replace(/^presets\//, "")), " ", foreign(row.why)), stamp(row)));
    return line;
  }));
  return [h("table", { class: "fields" }, h("caption", { class: "unseen" }, "Fields, with the mapping’s line and the stamp of each"),
    h("colgroup", null, h("col", { class: "names" }), h("col")), h("thead", null, h("tr", null, h("th", { scope: "col" }, "Field"), h("th", { scope: "col" }, "Value, where it comes from, its stamp"))), body),
  rest.length ? h("p", { class: "hint" }, `Not mapped by this preset: ${rest.join(", ")}.`) : null];
}

function stamp({ name, value, stamp: one }) {
  if (!one || (value === "null" && BLOCKS.includes(name))) return null;
  const words = `changed ${day(one.changedAt / 1000)}`;
  return one.current
    ? h("span", { class: "stamp" }, "✓ on the card, ", words)
    : h("span", { class: "stamp lost" }, "lost to a newer value, ", words);
}
