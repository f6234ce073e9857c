/* The first minute: ring, save, ring again. */
import { ask, foreign, h, replace } from "./dom.js";
import { ringIt } from "./phone.js";
import { store } from "./store.js";
import { digits, phone } from "./words.js";
import { send } from "./sending.js";

let first = null, root = null, asked = false, busy = false;

/** The sample that the first click sends: preset, event, and the person in it. */
export function sample() { return first; }

export async function findSample() {
  if (asked || !store.bridge) return;
  asked = true;
  const presets = await ask("GET", "/_bridge/presets");
  const preset = presets.find((one) => one.name === "pipedrive") ?? presets.find((one) => one.best);
  if (!preset) return;
  const event = await ask("GET", `/_bridge/sample?preset=${preset.name}&event=${encodeURIComponent(preset.best)}`);
  const { outcomes } = await ask("POST", "/_bridge/explain", { ...event, preset: preset.name });
  const [contact] = outcomes[0].wouldPost.contacts;
  first = { preset, event, id: outcomes[0].id, name: contact.fullName, number: contact.contactDirections[0].value };
  show();
}

export function guide() {
  root ??= h("section", { class: "guide", "aria-label": "The first minute" });
  show();
  findSample();
  return root;
}

function show() {
  if (!root) return;
  if (!store.bridge) { replace(root, alone()); return; }
  if (!first) { replace(root); return; }
  const calls = store.calls.filter((call) => digits(call.phone) === digits(first.number));
  const done = [calls.some((call) => !call.fullName), store.cards.has(first.id), calls.some((call) => call.fullName)];
  const version = `${done}${busy}`;
  if (root.version === version && root.firstChild) return;
  root.version = version;
  root.classList.toggle("all-done", done.every(Boolean));
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.step : null;
  replace(root,
    h("h2", null, "See who is calling, in three clicks"),
    h("p", { class: "lead" }, "A person is saved in the CRM. Seconds later the telephone knows the name. Everything here runs on this machine."),
    h("ol", { class: "steps" },
      step(0, done, "Somebody calls", "Ringostat does not know this number yet.", `Ring ${phone(first.number)}`, () => ringIt(first.number)),
      step(1, done, ["The CRM saves ", foreign(first.name)], `${first.preset.crm} sends its webhook to the bridge, through the real API.`, "Send the event", save),
      step(2, done, "They call again", "Now the name is there, and the buttons into the CRM.", `Ring ${phone(first.number)} again`, () => ringIt(first.number))),
    done[1] ? h("p", null, h("a", { class: "button", href: `#/trace/${encodeURIComponent(first.id)}` }, "See where each field comes from")) : null);
  if (focused) root.querySelector(`[data-step="${focused}"]`)?.focus();
}

function step(index, done, title, text, label, act) {
  const next = done.indexOf(false) === index;
  return h("li", { class: `step ${done[index] ? "done" : ""} ${next ? "next" : ""}` },
    h("span", { class: "step-mark", "aria-hidden": "true" }, done[index] ? "✓" : String(index + 1)),
    h("div", null, h("h3", null, title, done[index] ? h("span", { class: "unseen" }, " (done)") : null), h("p", { class: "muted" }, text)),
    h("button", { type: "button", "data-step": index, class: next ? "primary" : "", onclick: act }, label));
}

async function save() {
  if (busy) return;
  busy = true;
  try { await send(first.preset.name, first.event); } finally { busy = false; show(); }
}

function alone() {
  return [h("h2", null, "Ringostat, emulated"),
    h("p", { class: "lead" }, "Contacts appear here as soon as they are posted to this address."),
    h("p", { class: "muted" }, "With the whole bridge (make run) this page also shows where each field comes from, and sends events of every CRM.")];
}
