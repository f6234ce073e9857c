/* Elements are made of text only: nothing that a CRM sends is ever read as markup. */

/** Make an element. `attributes`: class, on<event> functions, properties such as `value`, anything else as an attribute. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A foreign text: neither its direction nor its length changes the page. */
export const foreign = (text, attributes) => h("bdi", attributes, String(text));

/** A link that leaves this page, or plain text where the address is not http(s). */
export function outward(address, text, attributes = {}) {
  let url = null;
  try { url = new URL(address); } catch { /* not an address */ }
  if (!url || !["http:", "https:"].includes(url.protocol)) return h("span", attributes, text);
  return h("a", { ...attributes, href: url.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** Make `parent` show `items` in order; nodes of items whose key and version stay are kept, with focus and selection. */
export function keyed(parent, items, keyOf, versionOf, make) {
  const known = parent.shownByKey ?? new Map();
  const shown = new Map();
  let focused = null;
  for (const item of items) {
    const key = keyOf(item), version = versionOf(item), old = known.get(key);
    shown.set(key, old && old.version === version ? old : { version, node: make(item) });
  }
  for (const [key, { node }] of known) {
    if (shown.get(key)?.node === node) continue;
    if (node.contains(document.activeElement)) focused = shown.get(key)?.node ?? null;
    node.remove();
  }
  let place = parent.firstChild;
  for (const { node } of shown.values()) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  focused?.querySelector("a, button")?.focus();
  parent.shownByKey = shown;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(9).filter(Boolean));
}

/** Headers of every question to the server. */
export const headers = {};

export async function ask(method, path, value) {
  const reply = await fetch(path, { method, headers, body: value === undefined ? undefined : JSON.stringify(value) });
  const found = await reply.json();
  if (!reply.ok) throw new Error(found?.error ?? `The answer was ${reply.status}`);
  return found;
}
