/* Try it: an event of a preset, edited, explained while typing, sent through the front. */
import { ask, foreign, h, replace } from "./dom.js";
import { lines } from "./lines.js";
import { badge, cardPath } from "./paths.js";
import { send } from "./sending.js";
import { stateOf, store } from "./store.js";
import { compared } from "./trace.js";

let parts = null, presets = null, event = null, edited = false, timer = 0, sent = null, taken = "", connection = "";

/** The view, with an event of the traffic if its number is given. */
export function tryView(number) {
  if (!parts) make();
  if (number && number !== taken) { taken = number; take(number); }
  showStates();
  return parts.root;
}

function make() {
  const preset = h("select", { id: "preset", onchange: () => choosePreset() });
  const sample = h("select", { id: "sample", onchange: () => chooseEvent() });
  const type = h("input", { id: "content-type", autocomplete: "off", spellcheck: "false", oninput: onEdit });
  const query = h("input", { id: "query", autocomplete: "off", spellcheck: "false", placeholder: "none", oninput: onEdit });
  const body = h("textarea", {
    id: "body", spellcheck: "false", autocomplete: "off", rows: "22", oninput: onEdit,
    onkeydown: (press) => { if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) go(); },
  });
  const reset = h("button", { type: "button", onclick: () => chooseEvent() }, "Undo my edits");
  const label = (control, text) => h("div", { class: "field" }, h("label", { for: control.id }, text), control);
  const answer = h("div", { class: "answer", role: "status" }), explained = h("div", { class: "explained" });
  parts = { preset, sample, type, query, body, answer, explained, reset };
  parts.root = h("section", { class: "try", "aria-label": "Try it" },
    h("header", { class: "view-head" }, h("h1", null, "Try it"), h("p", { class: "muted" }, "Choose what a CRM sends, edit it, and send it through the bridge’s own entrance.")),
    h("form", { class: "sheet try-form", onsubmit: (submit) => { submit.preventDefault(); go(); } },
      h("div", { class: "pair" }, label(preset, "CRM"), label(sample, "Event")),
      h("div", { class: "pair" }, label(type, "Content type"), label(query, "Query")),
      label(body, "Body"),
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Send it"), reset, h("span", { class: "hint" }, "Ctrl+Enter sends")),
      answer),
    explained);
  fill();
}

async function fill() {
  presets = await ask("GET", "/_bridge/presets");
  replace(parts.preset, presets.filter((one) => one.events.length).map((one) => h("option", { value: one.name }, one.title)));
  parts.preset.value = "pipedrive";
  if (taken) take(taken);
  else choosePreset();
}

/** Let an event that came be edited; it goes by the connection that it came by. */
async function take(number) {
  if (!presets) return;
  const found = await ask("GET", `/_bridge/event?number=${number}`);
  parts.preset.value = found.preset;
  list();
  parts.sample.prepend(h("option", { value: "" }, `event ${number} of ${found.connection}`));
  parts.sample.value = "";
  connection = found.connection;
  put({ ...found, query: new URLSearchParams(found.query).toString(), headers: Object.fromEntries(Object.entries(found.headers).filter(([name]) => name !== "content-type")) });
}

function choosePreset() {
  list();
  chooseEvent();
}

function list() {
  const chosen = presets.find((one) => one.name === parts.preset.value) ?? { events: [] };
  replace(parts.sample, chosen.events.map((one) => {
    const results = one.results.filter((result) => result !== "change").join(", ");
    return h("option", { value: one.name }, one.name.replace(/\.\w+$/, "").replaceAll("-", " ") + (results ? ` (${results})` : ""));
  }));
  parts.sample.value = chosen.best ?? chosen.events[0]?.name ?? "";
}

async function chooseEvent() {
  if (!parts.sample.value) { take(taken); return; }
  connection = "";
  put(await ask("GET", `/_bridge/sample?preset=${parts.preset.value}&event=${encodeURIComponent(parts.sample.value)}`));
}

function put(found) {
  event = found;
  parts.body.value = event.body;
  parts.type.value = event.contentType;
  parts.query.value = event.query;
  edited = false;
  sent = null;
  replace(parts.answer);
  explain();
}

function onEdit() {
  edited = true;
  clearTimeout(timer);
  timer = setTimeout(explain, 250);
}

function written() {
  return {
    preset: parts.preset.value, connection, contentType: parts.type.value, query: parts.query.value, headers: event.headers,
    ...(edited ? { body: parts.body.value } : { encoded: event.encoded, body: event.body }),
  };
}

async function explain() {
  parts.reset.disabled = !edited;
  const { preset, ...rest } = written();
  try {
    const found = await ask("POST", "/_bridge/explain", { preset, ...rest });
    if (parts.preset.value !== preset) return;
    replace(parts.explained, compared({ ...rest, ...found, answer: "" }, null, { sent: false }));
  } catch (error) {
    replace(parts.explained, h("p", { class: "note" }, error.message));
  }
}

async function go() {
  const { preset, ...rest } = written();
  replace(parts.answer, h("p", { class: "muted" }, "Sending…"));
  const last = store.events[0]?.number ?? 0;
  try {
    const answer = await send(preset, rest);
    sent = { ...answer, after: last, connection: connection || `demo-${preset}` };
  } catch (error) {
    sent = null;
    replace(parts.answer, h("p", { class: "note" }, error.message));
  }
  showStates();
}

/** Show the answer, and what becomes of each record while it does. */
function showStates() {
  if (!sent) return;
  const arrived = store.events.find((one) => one.number > sent.after && one.connection === sent.connection);
  const records = arrived?.records ?? [];
  const version = JSON.stringify([sent, records.map((one) => [one.id, store.cards.has(one.id), stateOf(one.key)]), arrived?.number]);
  if (parts.answer.version === version && parts.answer.firstChild) return;
  parts.answer.version = version;
  replace(parts.answer,
    h("p", { class: "answered" }, h("span", { class: `badge ${sent.status < 300 ? "good" : "bad"}` }, String(sent.status)), ` The bridge answered ${sent.status}.`,
      arrived ? h("a", { href: `#/event/${arrived.number}` }, "What came of it") : null),
    h("ul", { class: "verdicts" }, records.map((one) => h("li", null,
      one.result === "change"
        ? [badge(stateOf(one.key) || (store.cards.has(one.id) ? "delivered" : "on its way")), h("a", { href: cardPath(one.id) }, foreign(one.name || one.card))]
        : [badge(one.result), foreign(one.reason || one.code)]))),
    h("details", null, h("summary", null, "The answer itself"), lines(sent.answer, "application/json", "Answer of the bridge").root));
}
