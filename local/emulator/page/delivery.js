/* Delivery: faults to switch on, due cards, circuits, recovery. */
import { ask, foreign, h, keyed, replace } from "./dom.js";
import { badge, cardPath } from "./paths.js";
import { send, somebody } from "./sending.js";
import { store } from "./store.js";
import { clock, count, when } from "./words.js";

const SHOWN = 40;
const FAULTS = {
  down: { title: "Ringostat is down", text: "Every request is answered 503.", fault: () => ({ status: 503, times: null }), fits: (one) => one.status === 503 },
  slow: { title: "Ringostat is slow", text: "It answers after 5 s; the bridge waits 3 s here.", fault: () => ({ delay: 5, times: null }), fits: (one) => one.delay > 0 },
  key: { title: "The key is wrong", text: "Every request is answered 401.", fault: () => ({ status: 401, body: { error: "The auth-key is wrong." }, times: null }), fits: (one) => one.status === 401 },
};
let parts = null, number = 0, refusing = "";

export function deliveryView() {
  if (!parts) make();
  show();
  return parts.root;
}

function make() {
  const switches = h("div", { class: "switches" }, Object.entries(FAULTS).map(([name, { title, text }]) => toggle(name, title, text)));
  const refused = h("input", { id: "refused", autocomplete: "off", placeholder: "its number in the CRM", oninput: (event) => { refusing = event.target.value.trim(); } });
  switches.append(h("div", { class: "refuse" }, toggle("refuse", "One contact is refused", "Requests that hold it are answered 400."), h("label", { for: "refused" }, "Contact ", refused)));
  const saved = h("p", { class: "hint", role: "status" });
  const circuits = h("ul", { class: "circuits" }), due = h("ul", { class: "rows due" }), calm = h("p", { class: "muted" });
  const strip = h("ol", { class: "strip", "aria-label": "Last requests, newest first" }), depths = h("dl", { class: "facts" });
  parts = { switches, refused, circuits, due, calm, strip, depths, saved };
  const bridge = (...children) => h("div", { "data-bridge": "", class: "sheet" }, ...children);
  parts.bridge = [
    bridge(h("h2", null, "Give it something to do"), h("p", { class: "muted" }, "People saved in Pipedrive, each by a separate webhook."),
      h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => save(1) }, "Save a new person"), h("button", { type: "button", onclick: () => save(20) }, "Save 20 people")), saved),
    bridge(h("h2", null, "Circuits"), h("p", { class: "muted" }, "Five failures in a row open one: then only a probe goes out, and nothing is burnt."), circuits, depths),
    bridge(h("h2", null, "Due cards"), calm, due),
  ];
  parts.root = h("section", { class: "delivery", "aria-label": "Delivery" },
    h("header", { class: "view-head" }, h("h1", null, "Delivery"), h("p", { class: "muted" }, "Switch a fault on, save somebody, and watch what waits and how it recovers.")),
    h("div", { class: "sheet" }, h("h2", null, "Faults of Ringostat"), switches),
    h("div", { class: "stack" }, parts.bridge[0],
    h("div", { class: "sheet" }, h("h2", null, "Last requests to Ringostat"), strip, h("p", { class: "legend" }, [["good", "taken"], ["bad", "refused"], ["warm", "failed"]].map(([kind, text]) => h("span", null, h("i", { class: `dot ${kind}`, "aria-hidden": "true" }), text))))),
    parts.bridge[1], parts.bridge[2]);
}

const toggle = (name, title, text) => h("button", { type: "button", role: "switch", class: "switch", "data-fault": name, "aria-checked": "false", onclick: () => flip(name) },
  h("span", { class: "switch-track", "aria-hidden": "true" }), h("span", { class: "switch-text" }, h("strong", null, title), h("span", null, text)));

const nameOf = (fault) => (Object.keys(fault.refuse ?? {}).length ? "refuse" : Object.keys(FAULTS).find((name) => FAULTS[name].fits(fault)) ?? "other");

async function flip(name) {
  const on = new Set(store.faults.map(nameOf));
  if (name === "refuse" && !on.has(name) && !refusing) { parts.refused.focus(); return; }
  if (on.has(name)) on.delete(name); else on.add(name);
  const wanted = [...on].filter((one) => one !== "other" && one !== "refuse").map((one) => FAULTS[one].fault());
  const refuse = store.faults.find((one) => nameOf(one) === "refuse")?.refuse ?? { externalId: refusing };
  if (on.has("refuse")) wanted.unshift({ refuse });
  await ask("PUT", "/_emulator/faults", wanted);
}

async function save(amount) {
  number ||= 100000 + Math.floor(Math.random() * 800000);
  const people = Array.from({ length: amount }, () => { number += 1; return number; });
  parts.saved.textContent = "Saving…";
  let taken = 0;
  for (let start = 0; start < people.length; start += 5) {
    const answers = await Promise.all(people.slice(start, start + 5).map((one) => send("pipedrive", somebody(one)).catch(() => null)));
    taken += answers.filter((answer) => answer?.status === 202).length;
  }
  parts.saved.textContent = `${count(taken, "event")} accepted. The CRM has its answer; delivery goes on by itself.`;
  if (!refusing) { parts.refused.placeholder = `such as ${people[0]}`; }
}

function show() {
  const on = new Set(store.faults.map(nameOf));
  for (const button of parts.switches.querySelectorAll("[data-fault]")) button.setAttribute("aria-checked", String(on.has(button.dataset.fault)));
  for (const part of parts.bridge) part.hidden = !store.bridge;
  keyed(parts.strip, store.requests.slice(0, SHOWN), (one) => one.number, () => 0, (one) => {
    const [kind, text] = one.status === null ? ["warm", "dropped"] : one.status < 300 ? ["good", "taken"] : one.status < 500 && one.status !== 429 ? ["bad", "refused"] : ["warm", "failed"];
    return h("li", null, h("a", { class: `dot ${kind}`, href: `#/traffic/${one.number}`, title: `${clock(one.time)} · ${one.status ?? "no answer"} · ${count(one.records, "record")}` },
      h("span", { class: "unseen" }, `Request ${one.number} ${text}, ${one.status ?? "no answer"}`)));
  });
  if (store.bridge) showBridge(store.delivery);
}

function showBridge(delivery) {
  const projects = delivery.projects ?? [], of = (project) => (projects.length > 1 ? `Project ${project}: ` : "");
  const circuits = projects.flatMap(({ project, circuits: own }) => own.map((one) => ({ ...one, project })));
  keyed(parts.circuits, circuits, (one) => `${one.project} ${one.name}`, (one) => of(one.project) + JSON.stringify(one), (one) => h("li", { class: `circuit ${one.state}` },
    h("strong", null, of(one.project), { transport: "Transport", contract: "Contract", auth: "Key" }[one.name] ?? one.name), badge(one.state),
    one.state === "closed" ? null : h("p", null, `${one.what}. `, one.since ? ["Since ", clock(one.since), ". "] : "", `${one.remedy[0].toUpperCase()}${one.remedy.slice(1)}.`)));
  const due = delivery.due ?? [];
  const words = due.length ? `${delivery.more ? "More than 50 cards wait" : due.length === 1 ? "One card waits" : `${due.length} cards wait`} for Ringostat’s confirmation.` : "No card is due: Ringostat has confirmed everything.";
  const told = projects.filter((one) => one.pause > Date.now()).reduce((all, one) => `${all} ${of(one.project)}Ringostat asked to wait until ${clock(one.pause / 1000)}.`, words);
  if (parts.calm.textContent !== told) parts.calm.textContent = told;
  keyed(parts.due, due, (card) => card.key, (card) => JSON.stringify(card), (card) => h("li", null, h("a", { class: "row", href: cardPath(card.id) },
    h("span", { class: "row-text" }, foreign(card.name, { class: "row-name" }), h("span", { class: "row-second" }, card.since && card.since < Date.now() ? ["due since ", when(card.since / 1000), ", "] : null, card.next ? ["next try ", card.next > Date.now() ? "at the latest " : "", when(card.next / 1000)] : "in delivery")),
    badge(card.state))));
  const { inbox = 0, rejected = 0, dead = 0 } = delivery.depths ?? {};
  replace(parts.depths, [["In the inbox queue", inbox], ["Rejected events", rejected], ["Dead wake-ups", dead]].map(([title, depth]) => h("div", null, h("dt", null, title), h("dd", null, String(depth)))));
}
