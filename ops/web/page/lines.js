/* A body as lines that know their path, so that a field can be shown where it comes from and where it went. */
import { h, replace } from "./dom.js";

const MOST = 4000;

export function lines(body, contentType, title = "Body") {
  const found = parsed(body, contentType).slice(0, MOST);
  const root = h("div", { class: "body", tabindex: "0", role: "region", "aria-label": title });
  const nodes = found.map((line) => h("div", { class: "line" }, line.parts.map(([kind, text]) => h("span", { class: kind }, text))));
  replace(root, nodes);
  const light = (fits) => {
    let first = null;
    nodes.forEach((node, index) => {
      const lit = fits(found[index]);
      node.classList.toggle("lit", lit);
      if (lit) first ??= node;
    });
    if (first) root.scrollTo({ top: Math.max(0, first.offsetTop - root.offsetTop - root.clientHeight / 3) });
  };
  return {
    root,
    /** Light the lines that expressions of the mapping found. */
    mark: (sources, raws) => {
      const paths = sources.map((source) => source.split(/ isn't there| is empty/)[0].replaceAll('"', ""));
      const last = new Set(paths.map(tail)), values = new Set(raws.map(plain));
      light((line) => line.path !== undefined && line.value !== undefined && (paths.includes(line.path) || (last.has(tail(line.path)) && values.has(plain(line.value)))));
    },
    /** Light a field of Ringostat's contract. */
    markField: (name, shown) => {
      const value = /^"((?:[^"\\]|\\.)*)"/.exec(shown ?? "")?.[0];
      const direct = { phone: "value", email: "value", organization: "externalId" }[name] ?? name;
      light((line) => Boolean(name) && line.path !== undefined && tail(line.path) === direct && (direct === name || line.value === value));
    },
  };
}

const tail = (path) => path.replace(/\[\d+\]/g, "").split(".").at(-1);
const plain = (json) => String(json).replace(/^"|"$/g, "");

function parsed(body, contentType) {
  if (contentType.includes("form-urlencoded")) return form(body);
  try { return json(JSON.parse(body)); } catch { return body.split("\n").map((text) => ({ parts: [["text", text]] })); }
}

function form(body) {
  return [...new URLSearchParams(body)].map(([name, text]) => ({
    path: name.replace(/\[(\d+)\]/g, "\u0000$1\u0001").replace(/\[([^\]]*)\]/g, ".$1").replace(/\u0000(\d+)\u0001/g, "[$1]"),
    value: JSON.stringify(text), parts: [["key", name], ["punctuation", " = "], ["string", text]],
  }));
}

function json(value, path = "", depth = 0, before = [], after = "") {
  const indent = ["punctuation", "  ".repeat(depth)];
  const entries = value && typeof value === "object" ? Object.entries(value) : null;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries) return [{ path, value: JSON.stringify(value), parts: [indent, ...before, [kindOf(value), JSON.stringify(value)], ["punctuation", after]] }];
  if (!entries.length) return [{ path, value: open + close, parts: [indent, ...before, ["punctuation", open + close + after]] }];
  return [
    { path, parts: [indent, ...before, ["punctuation", open]] },
    ...entries.flatMap(([key, inner], index) => {
      const comma = index < entries.length - 1 ? "," : "";
      if (Array.isArray(value)) return json(inner, `${path}[${key}]`, depth + 1, [], comma);
      return json(inner, path ? `${path}.${key}` : key, depth + 1, [["key", JSON.stringify(key)], ["punctuation", ": "]], comma);
    }),
    { parts: [indent, ["punctuation", close + after]] },
  ];
}

const kindOf = (value) => (typeof value === "string" ? "string" : value === null ? "null" : "number");
