/* What the views share: reading with its errors shown, lists that are read on, and acts behind a question. */
import { ask, h, replace } from "./dom.js";

export const isReadOnly = () => "readOnly" in document.body.dataset;

const say = (text) => { document.getElementById("announce").textContent = text; };

/** Fill `place` with what `make` makes of an answer; an error stands there instead. */
export async function fill(place, path, make) {
  place.setAttribute("aria-busy", "true");
  replace(place, h("p", { class: "muted" }, "Reading…"));
  try {
    replace(place, make(await ask("GET", path)));
  } catch (error) {
    replace(place, h("p", { class: "wrong", role: "alert" }, error.message));
  }
  place.removeAttribute("aria-busy");
}

/** A list whose next page is read by a button. `page` is the first; `path` gives the address of the one after a place. */
export function paged(page, path, item, { label, none, seen = (found) => found }) {
  const list = h("ul", { class: "rows plain", "aria-label": label });
  const empty = h("p", { class: "muted" }, none), problem = h("div");
  const more = h("button", { type: "button", class: "quiet wide", onclick: () => next() }, "Read on");
  let place = "";
  const add = (found) => {
    list.append(...found.cards.map((one) => h("li", null, item(one))));
    place = found.after;
    more.hidden = !place;
    empty.hidden = list.children.length > 0;
    list.hidden = !empty.hidden;
  };
  async function next() {
    const last = list.children.length;
    more.disabled = true;
    replace(problem);
    try {
      add(seen(await ask("GET", path(place))));
      (list.children[last]?.querySelector("a, button") ?? more).focus();
      say(`${list.children.length - last} more`);
    } catch (error) { replace(problem, h("p", { class: "wrong", role: "alert" }, error.message)); }
    more.disabled = false;
  }
  add(page);
  return h("div", { class: "cards-of" }, empty, list, problem, more);
}

/** A button that asks before it acts; nothing in the read-only console. `then` is called with what came of it. */
export function act(title, question, name, given, then = () => {}) {
  if (isReadOnly()) return null;
  const root = h("div", { class: "act" });
  const button = h("button", { type: "button", onclick: () => asked() }, title);
  function asked() {
    const no = h("button", { type: "button", onclick: () => { replace(root, button); button.focus(); } }, "No");
    replace(root, h("div", { class: "question", role: "group", "aria-label": title }, h("p", null, question),
      h("button", { type: "button", class: "primary", onclick: () => go() }, `Yes, ${title[0].toLowerCase()}${title.slice(1)}`), no));
    no.focus();
  }
  async function go() {
    replace(root, h("p", { class: "muted" }, "Working…"));
    try {
      const words = await ask("POST", `/api/${name}`, given());
      replace(root, h("p", { class: "done", role: "status", tabindex: "-1" }, words));
      then(words);
    } catch (error) {
      replace(root, h("p", { class: "wrong", role: "alert", tabindex: "-1" }, error.message), button);
    }
    root.firstChild.focus();
  }
  root.append(button);
  return root;
}
