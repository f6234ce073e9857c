/* The telephone: ring a number, the call as it comes in, the call log. */
import { foreign, h, keyed, replace } from "./dom.js";
import { buttons } from "./paths.js";
import { ring, store } from "./store.js";
import { avatar, clock, phone } from "./words.js";

const TOAST_MS = 6000;
let parts = null, fresh = 0, hiding = 0;

export async function ringIt(number) {
  if (!number.trim()) return;
  const call = await ring(number.trim());
  fresh = call.time;
  document.getElementById("announce").textContent = `Incoming call: ${call.fullName ?? "unknown"}, ${call.phone}`;
  showToast(call);
}

/** On a narrow screen the telephone is a view of its own, so a call shows here. */
function showToast(call) {
  const toast = document.getElementById("toast"), name = call.fullName;
  replace(toast,
    name ? avatar(name, `${call.origin}${name}`) : h("span", { class: "avatar unknown", "aria-hidden": "true" }, "?"),
    h("span", { class: "row-text" }, h("span", { class: "screen-hint" }, "Incoming call"),
      name ? foreign(name, { class: "row-name" }) : h("span", { class: "row-name" }, phone(call.phone)),
      h("span", { class: "screen-hint" }, name ? phone(call.phone) : "Unknown number")));
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, TOAST_MS);
}

function make() {
  const input = h("input", { type: "tel", id: "ring", placeholder: "+380 67 000 00 12", autocomplete: "off", maxlength: "40", "aria-label": "Number that calls" });
  const form = h("form", {
    class: "ring", onsubmit: (event) => { event.preventDefault(); ringIt(input.value || input.placeholder); },
  }, input, h("button", { class: "primary" }, "Ring"));
  const device = h("div", { class: "device" });
  const log = h("ol", { class: "calls", "aria-label": "Calls, newest first" });
  const empty = h("p", { class: "muted" }, "No calls yet. Ring a number, or ring a contact.");
  parts = { device, log, empty, input };
  parts.root = h("div", null, h("h2", null, "Telephone"), form, device, h("h3", null, "Call log"),
    h("p", { class: "hint" }, "Ringostat shows a client’s data only in calls made after the card arrived."), empty, log);
}

export function telephone(into, suggestion) {
  if (!parts) make();
  if (suggestion) parts.input.placeholder = phone(suggestion);
  if (parts.root.parentNode !== into) into.replaceChildren(parts.root);
  const [latest] = store.calls;
  keyed(parts.device, [latest ?? null], () => "screen", (call) => call?.mark, screen);
  keyed(parts.log, store.calls, (call) => call.mark, (call) => call.mark, entry);
  parts.empty.hidden = store.calls.length > 0;
}

function screen(call) {
  if (!call) {
    return h("div", { class: "screen idle" }, h("span", { class: "screen-hint" }, "No call at the moment."));
  }
  const name = call.fullName;
  return h("div", { class: `screen ${call.time === fresh ? "ringing" : ""}` },
    h("span", { class: "screen-hint" }, `Incoming call · ${clock(call.time)}`),
    name ? avatar(name, `${call.origin}${name}`, "large") : h("span", { class: "avatar large unknown", "aria-hidden": "true" }, "?"),
    name ? foreign(name, { class: "screen-name" }) : h("span", { class: "screen-name" }, phone(call.phone)),
    h("span", { class: "screen-second" }, name ? phone(call.phone) : "Unknown number"),
    name ? h("span", { class: "screen-second" }, foreign(call.origin), call.responsible && call.responsible !== "0" ? [" · responsible ", foreign(call.responsible)] : "") : null,
    name ? buttons({ contact: call.contactLink, lead: call.leadLink, deal: call.dealLink }) : null);
}

function entry(call) {
  const known = Boolean(call.fullName);
  return h("li", { class: `call ${known ? "" : "unknown"}` },
    h("span", { class: "call-text" },
      known ? foreign(call.fullName, { class: "row-name" }) : h("span", { class: "row-name" }, phone(call.phone)),
      h("span", { class: "row-second" }, known ? phone(call.phone) : "number only")),
    h("span", { class: "row-side" }, h("time", { class: "tabular", datetime: new Date(call.time * 1000).toISOString() }, clock(call.time)),
      h("button", { type: "button", class: "small", onclick: () => ringIt(call.phone) }, "Again", h("span", { class: "unseen" }, `, ring ${call.phone}`))));
}
