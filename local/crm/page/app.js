/* The CRMs: records to edit, the events that this sends to the bridge, and the requests that come back. The address says what is shown. */
import { ask, foreign, h, keyed, replace } from "./dom.js";
import { clock, count, phone } from "./words.js";

const KINDS = { contact: "Contacts", company: "Companies", deal: "Deals", lead: "Leads" };
const FIELDS = {
  contact: [["name", "Given name"], ["last", "Last name"], ["phones", "Phones, one a line"], ["emails", "E-mails, one a line"], ["company", "Company, its number"], ["owner", "Responsible, the number"]],
  company: [["name", "Name"], ["owner", "Responsible, the number"]],
  deal: [["name", "Title"], ["contact", "Contact, its number"], ["company", "Company, its number"], ["owner", "Responsible, the number"]],
};
FIELDS.lead = [...FIELDS.contact, ["contact", "Contact, its number"]];
const LISTS = ["phones", "emails"], NUMBERS = ["company", "contact", "owner"];
const $ = (id) => document.getElementById(id);
const title = (record) => `${record.name} ${record.last}`.trim() || `No name, ${record.id}`;
let state = null, records = [], shown = null, asked = 0;

const search = h("input", { type: "search", id: "search", "aria-label": "Search by name, number or phone", placeholder: "Name, number or phone", autocomplete: "off", oninput: load });
const crms = h("select", { id: "crm", "aria-label": "CRM", onchange: () => { location.hash = `#/${crms.value}/${route().kind}`; } });
const kinds = h("div", { class: "segments" }), found = h("p", { class: "found", role: "status" }), list = h("ul", { class: "rows", id: "records" });
const add = h("a", { class: "button" }, "New record");
const pair = h("div", { class: "pair-view" }), back = h("a", { class: "back narrow-only" }, "← All records");
const form = h("form", { class: "sheet try-form", "aria-label": "Chosen record" });
const events = h("ol", { class: "log", "aria-label": "Events, newest first" }), requests = h("ol", { class: "log", "aria-label": "Requests, newest first" });
const faults = h("div", { class: "switches" });
$("main").append(h("h1", { class: "unseen" }, "Records of emulated CRMs"), pair);
pair.append(h("section", { class: "book", "aria-label": "Records" }, h("div", { class: "book-head" }, crms, kinds, search, found, add), list),
  h("div", { class: "stack" }, back, form,
    h("section", { class: "sheet" }, h("h2", null, "Events sent to the bridge"), events),
    h("section", { class: "sheet" }, h("h2", null, "Requests from the bridge"), requests),
    h("section", { class: "sheet" }, h("h2", null, "Faults of its API"), h("p", { class: "muted" }, "Each lasts until it is switched off."), faults)));

function route() {
  const [crm, kind, id] = location.hash.replace(/^#\//, "").split("/");
  const known = state?.crms.find((one) => one.name === crm) ?? state?.crms[0];
  return { crm: known, kind: kind in KINDS ? kind : "contact", id: id === "new" ? "new" : Number(id) || 0 };
}

async function load() {
  const { crm, kind } = route(), mine = ++asked;
  if (!crm) return;
  const answer = await ask("GET", `/_emulator/records?${new URLSearchParams({ crm: crm.name, kind, q: search.value.trim() })}`);
  if (mine !== asked) return;
  records = answer.records;
  found.textContent = answer.total > records.length ? `The first ${records.length} of ${answer.total.toLocaleString("en")}` : count(answer.total, "record");
  show();
}

function show() {
  if (!state) return;
  const { crm, kind, id } = route();
  if (!crms.length) replace(crms, state.crms.map((one) => h("option", { value: one.name }, one.title)));
  crms.value = crm.name;
  pair.classList.toggle("has-card", Boolean(id));
  back.href = `#/${crm.name}/${kind}`;
  back.hidden = !id;
  if (kinds.dataset.shown !== `${crm.name}/${kind}`) replace(kinds, Object.entries(KINDS).map(([name, text]) => h("button", { type: "button", "aria-pressed": String(name === kind), onclick: () => { location.hash = `#/${crm.name}/${name}`; } }, text)));
  kinds.dataset.shown = `${crm.name}/${kind}`;
  add.href = `#/${crm.name}/${kind}/new`;
  keyed(list, records, (one) => `${crm.name}/${one.kind}/${one.id}`, (one) => JSON.stringify([one, one.id === id]), (one) => h("li", null,
    h("a", { class: "row", href: `#/${crm.name}/${one.kind}/${one.id}`, "aria-current": one.id === id ? "true" : null }, h("span", { class: "row-text" },
      foreign(title(one), { class: "row-name" }), h("span", { class: "row-second" }, [one.id, ...one.phones.map(phone)].join(" · "))), one.visible ? null : h("span", { class: "badge calm" }, "hidden"))));
  showFaults(crm);
  showLogs();
  const wanted = `${crm.name}/${kind}/${id}`;
  if (shown !== wanted) edit(crm, kind, id, wanted);
  document.title = `${crm.title} · ringostat-bridge`;
}

async function edit(crm, kind, id, wanted) {
  shown = wanted;
  if (!id) { replace(form, h("p", { class: "lead" }, "Choose a record, or make a new one. When you save it, this CRM sends its event to the bridge.")); return; }
  const record = id === "new" ? { name: "", last: "", phones: [], emails: [], company: 0, contact: 0, owner: 1, visible: true } : records.find((one) => one.id === id)
    ?? (await ask("GET", `/_emulator/records?${new URLSearchParams({ crm: crm.name, kind, q: id })}`)).records.find((one) => one.id === id);
  if (shown !== wanted) return;
  if (!record) { replace(form, h("p", { class: "lead" }, "There is no such record any more.")); return; }
  const said = h("p", { class: "hint" }), heading = foreign(id === "new" ? "New record" : `${title(record)} · ${id}`);
  const inputs = Object.fromEntries(FIELDS[kind].map(([name]) => [name, LISTS.includes(name) ? h("textarea", { rows: 2, value: record[name].join("\n") })
    : h("input", { value: String(record[name]), autocomplete: "off", inputmode: NUMBERS.includes(name) ? "numeric" : null })]));
  const visible = h("input", { type: "checkbox", checked: record.visible }), into = h("input", { inputmode: "numeric", placeholder: "Contact’s number", "aria-label": "Contact to merge it into" });
  const button = (text, act, name = "") => h("button", { type: "button", class: name, onclick: () => attempt(said, act) }, text);
  const save = (sends) => async () => {
    const changes = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, LISTS.includes(name) ? input.value.split("\n").map((one) => one.trim()).filter(Boolean) : NUMBERS.includes(name) ? Number(input.value) || 0 : input.value.trim()]));
    const saved = await ask("PUT", "/_emulator/record", { crm: crm.name, kind, number: id === "new" ? null : id, send_event: sends, changes: { ...changes, visible: visible.checked } });
    heading.textContent = `${title(saved)} · ${saved.id}`;
    if (id === "new") location.hash = `#/${crm.name}/${kind}/${saved.id}`;
    return sends ? "Saved, and the event is sent." : "Saved; the bridge got no event.";
  };
  const drop = (more) => async () => {
    await ask("DELETE", "/_emulator/record", { crm: crm.name, kind, number: id, ...more });
    location.hash = `#/${crm.name}/${kind}`;
    return "Deleted, and the event is sent.";
  };
  form.onsubmit = (event) => { event.preventDefault(); attempt(said, save(true)); };
  replace(form, h("h2", null, heading),
    h("div", { class: "pair" }, FIELDS[kind].map(([name, text]) => h("label", null, text, inputs[name]))),
    h("label", { class: "tick" }, visible, "Visible to the API key"),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Save and send the event"), button("Save, lose the event", save(false)),
      id === "new" ? null : [button("Send again", async () => { await ask("POST", "/_emulator/resend", { crm: crm.name, kind, number: id }); return "Sent."; }), button("Delete", drop({})),
        kind === "contact" && h("span", { class: "merge" }, into, button("Merge", () => drop({ into: Number(into.value) || 0 })()))]), said);
}

async function attempt(said, act) {
  try { said.textContent = await act(); } catch (error) { said.textContent = error.message; }
  $("announce").textContent = said.textContent;
  await load();
}

function showFaults(crm) {
  keyed(faults, crm.known, (name) => `${crm.name}/${name}`, (name) => crm.faults.includes(name), (name) => h("button", { type: "button", role: "switch", class: "switch", "aria-checked": String(crm.faults.includes(name)), onclick: () => {
    const now = route().crm.faults;
    ask("PUT", "/_emulator/faults", { crm: crm.name, faults: now.includes(name) ? now.filter((one) => one !== name) : [name, ...now] });
  } }, h("span", { class: "switch-track", "aria-hidden": "true" }), h("span", { class: "switch-text" }, h("strong", null, name))));
}

const badge = (status, none) => h("span", { class: `badge ${status === null ? "calm" : status < 300 ? "good" : status < 500 && status !== 429 ? "bad" : "warm"}` }, status ?? none);
const entry = (one, text, mark, parts) => h("li", null, h("details", null, h("summary", { class: "log-head" }, h("span", { class: "muted tabular" }, clock(one.time)), foreign(text), mark),
  h("div", { class: "bodies" }, parts.filter(Boolean).map((part) => h("pre", { class: "body", tabindex: "0" }, h("code", null, part))))));

function showLogs() {
  const names = Object.fromEntries(state.crms.map((one) => [one.name, one.title]));
  keyed(events, state.events, (one) => one.number, () => 0, (one) => entry(one, `${names[one.crm]}: ${one.what}`, badge(one.status, one.event === null ? "no event" : "not sent"), [one.event, one.answer]));
  keyed(requests, state.requests, (one) => one.number, () => 0, (one) => entry(one, one.path, badge(one.status, "no answer"), [one.body, one.answer]));
}

function connect(seen = "") {
  const source = new EventSource(`/_emulator/live?since=${encodeURIComponent(seen)}`);
  const pulse = (name, text) => { if ($("pulse").textContent !== text) $("pulse").textContent = text; $("pulse").className = `pulse ${name}`; };
  source.onmessage = (event) => {
    const first = !state;
    state = JSON.parse(event.data);
    const faulty = state.crms.some((one) => one.coming);
    pulse(faulty ? "faulty" : "live", faulty ? "Live, with a fault" : "Live");
    first ? load() : show();
  };
  source.onerror = () => { source.close(); pulse("lost", "Reconnecting"); setTimeout(connect, 1000); };
}

addEventListener("hashchange", () => { records = []; show(); load(); });
connect();
