/* Names and badges that several views share. */
import { h, outward } from "./dom.js";

const BUTTONS = [["contact", "Contact"], ["lead", "Lead"], ["deal", "Deal"]];

export const cardPath = (id) => `#/card/${encodeURIComponent(id)}`;

export function keyOf(id) {
  const [project, origin, endpoint, idName, number] = JSON.parse(id);
  const kind = endpoint === "organizations" ? "organization" : idName === "leadId" ? "lead" : "contact";
  return `${project}#${origin}#${kind}:${number}`;
}

export function badge(state) {
  const kind = /^(delivered|change|closed)/.test(state) ? "good" : /^(refused|reject|open)/.test(state) ? "bad" : /^(skip|idle|erased|waiting)/.test(state) ? "calm" : "warm";
  return h("span", { class: `badge ${kind}` }, state);
}

export function buttons(links) {
  return h("div", { class: "crm-buttons" }, BUTTONS.map(([name, title]) => links?.[name]
    ? outward(links[name], [title, h("span", { class: "unseen" }, " in the CRM, opens a new tab")], { class: "crm-button" })
    : h("span", { class: "crm-button off", title: "The CRM sent no link" }, title, h("span", { class: "unseen" }, ", no link"))));
}

/** What is known of a delivery; "3 s ago" would stand still here, so only the times themselves are shown. */
export const story = (lines) => h("dl", { class: "story" }, lines.map(([title, text]) =>
  [h("dt", null, title), h("dd", null, text.replace(/ \((?:\d+ \w+ ago|in \d+ \w+)\)/g, ""))]));
