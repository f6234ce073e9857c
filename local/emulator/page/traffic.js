/* Traffic: what CRMs sent, and each request of the bridge with its answer. */
import { ask, foreign, h, keyed, replace } from "./dom.js";
import { lines } from "./lines.js";
import { badge, cardPath } from "./paths.js";
import { stateOf, store } from "./store.js";
import { clock, count } from "./words.js";

let parts = null, opened = "", typed = "";

export function trafficView(number) {
  if (!parts) make();
  show();
  if (number && number !== opened) { opened = number; open(Number(number)); }
  if (!number) opened = "";
  return parts.root;
}

function make() {
  const events = h("ol", { class: "log", "aria-label": "Events, newest first" }), requests = h("ol", { class: "log", "aria-label": "Requests, newest first" });
  const noEvents = h("p", { class: "muted" }, "No event yet."), noRequests = h("p", { class: "muted" }, "No request yet.");
  const total = h("p", { class: "muted" });
  const filter = h("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false", placeholder: "Connection, name, code, status", "aria-label": "Filter the traffic", oninput: (event) => { typed = event.target.value.toLocaleLowerCase("uk"); show(); } });
  parts = { events, requests, noEvents, noRequests, total };
  parts.incoming = h("div", { class: "sheet" }, h("h2", null, "From CRMs to the bridge"), h("p", { class: "muted" }, "What came to the door or by the inbox queue (imports, other systems), what each record became, and why what was refused was."), noEvents, events);
  parts.root = h("section", { class: "traffic", "aria-label": "Traffic" },
    h("header", { class: "view-head" }, h("h1", null, "Traffic"), h("p", { class: "muted" }, "What came in, and each request of the bridge with its answer."), filter),
    parts.incoming, h("div", { class: "sheet" }, h("h2", null, "From the bridge to Ringostat"), total, noRequests, requests));
}

function show() {
  parts.incoming.hidden = !store.bridge;
  const events = store.events.filter((one) => fits([one.connection, one.method, one.status, one.refusal, ...one.records.flatMap((record) => [record.name, record.card, record.code, record.reason, stateOf(record.key)])]));
  const requests = store.requests.filter((one) => fits([one.endpoint, one.status ?? "no answer", `no. ${one.number}`]));
  keyed(parts.events, events, (one) => one.number, (one) => one.records.map((record) => stateOf(record.key)).join(), eventRow);
  keyed(parts.requests, requests, (one) => one.number, () => 0, requestRow);
  parts.noEvents.hidden = events.length > 0;
  parts.noRequests.hidden = requests.length > 0;
  parts.noEvents.textContent = store.events.length ? "None fits the filter." : "No event yet.";
  parts.noRequests.textContent = store.requests.length ? "None fits the filter." : "No request yet.";
  const words = store.total ? `${count(store.total, "request")} since the start; the last ${Math.min(store.requests.length, 200)} are listed.` : "Every request and its answer stand here.";
  if (parts.total.textContent !== words) parts.total.textContent = words;
}

const fits = (texts) => typed.split(/\s+/).every((word) => texts.join("\n").toLocaleLowerCase("uk").includes(word));

function eventRow(one) {
  return h("li", null,
    h("div", { class: "log-head" }, h("span", { class: "tabular muted" }, clock(one.time)), h("a", { href: `#/event/${one.number}` }, one.connection || "no connection"),
      h("span", { class: "muted" }, `${one.method}, ${count(one.bytes, "byte")}`), one.status ? h("span", { class: `badge ${one.status < 300 ? "good" : "bad"}` }, String(one.status)) : null),
    one.refusal ? h("p", { class: "muted" }, badge("refused"), " ", foreign(one.refusal)) : null,
    h("ul", { class: "verdicts" }, one.records.map((record) => h("li", null, record.result === "change"
      ? [badge(stateOf(record.key) || "change"), h("a", { href: cardPath(record.id) }, foreign(record.name || record.card))]
      : [badge(record.result), h("span", null, h("code", null, record.code), " ", foreign(record.reason))])),
    one.total > one.records.length ? h("li", { class: "muted" }, `and ${one.total - one.records.length} more`) : null));
}

function requestRow(one) {
  const inside = h("div", { class: "bodies" });
  const kind = one.status === null ? "warm" : one.status < 300 ? "good" : one.status < 500 ? "bad" : "warm";
  return h("li", { "data-request": one.number }, h("details", { ontoggle: (event) => { if (event.target.open && !inside.firstChild) fill(inside, one.number); } },
    h("summary", { class: "log-head" }, h("span", { class: "tabular muted" }, clock(one.time)), h("span", null, `${count(one.records, "record")} to ${one.endpoint}`),
      h("span", { class: "muted" }, `no. ${one.number}, ${one.seconds < 1 ? `${Math.round(one.seconds * 1000)} ms` : `${one.seconds.toFixed(1)} s`}`),
      h("span", { class: `badge ${kind}` }, one.status === null ? "no answer" : String(one.status))), inside));
}

async function fill(inside, number) {
  try {
    const found = await ask("GET", `/_emulator/request?number=${number}`);
    const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
    replace(inside, h("h3", null, "Request"), lines(text(found.body), "application/json", `Body of request ${number}`).root,
      h("h3", null, found.status === null ? "The connection was closed without an answer" : `Answer ${found.status}`), found.status === null ? null : lines(text(found.answer), "application/json", `Answer to request ${number}`).root);
  } catch (error) { replace(inside, h("p", { class: "note" }, error.message)); }
}

function open(number) {
  const item = parts.requests.querySelector(`[data-request="${number}"]`);
  if (!item) return;
  item.firstChild.open = true;
  requestAnimationFrame(() => { item.scrollIntoView({ block: "center" }); item.querySelector("summary").focus({ preventScroll: true }); });
}
