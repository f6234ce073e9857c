/* What the page knows, kept up by server-sent events; everything is bounded, however long the page stays open. */
import { ask } from "./dom.js";
import { digits } from "./words.js";

const KEPT = { calls: 200, requests: 200, events: 100 };

export const store = {
  loaded: false, connected: false, bridge: false, projects: [], total: 0,
  cards: new Map(), calls: [], requests: [], events: [], faults: [], delivery: {},
  contacts: [], organizations: [],
};

const listeners = new Set();
let waiting = false, order = 0, seen = "", source = null, stale = false;

export function listen(listener) { listeners.add(listener); }

export function changed() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    if (stale) sort();
    for (const listener of listeners) listener(store);
  }, 16);
}

export function connect() {
  source?.close();
  source = new EventSource(`/_emulator/live?since=${encodeURIComponent(seen)}`);
  source.onmessage = (event) => { take(JSON.parse(event.data)); changed(); };
  source.addEventListener("changed", (event) => {
    seen = event.lastEventId;
    store.connected = store.loaded = true;
    changed();
  });
  source.onerror = () => {
    source.close();
    store.connected = false;
    changed();
    setTimeout(connect, 1000);
  };
}

export async function ring(number) {
  return ask("POST", "/_emulator/calls", { phone: number });
}

function take(piece) {
  if (piece.restarted) {
    store.cards.clear();
    Object.assign(store, { calls: [], requests: [], events: [] });
    stale = true;
  }
  for (const card of piece.cards) takeCard(card);
  if (!("faults" in piece)) return;
  store.projects = piece.projects;
  store.faults = piece.faults;
  store.total = piece.total;
  store.calls = newest("calls", piece.calls, "mark");
  store.requests = newest("requests", piece.requests, "number");
  store.bridge = piece.bridge !== null;
  store.events = newest("events", piece.bridge?.events ?? [], "number");
  if (piece.bridge?.delivery) store.delivery = piece.bridge.delivery;
}

function takeCard(card) {
  const known = store.cards.get(card.id);
  if (known && known.mark > card.mark) return;
  card.order = order++;
  if (card.kind === "contacts") {
    card.numbers = card.phones.map(digits).join(" ");
    card.haystack = [card.name, ...card.organizations, ...card.emails, card.number, card.origin].join("\n").toLocaleLowerCase("uk");
  } else {
    card.haystack = `${card.name}\n${card.number}\n${card.origin}`.toLocaleLowerCase("uk");
  }
  store.cards.set(card.id, card);
  stale = true;
}

function sort() {
  const all = [...store.cards.values()].sort((one, other) => other.mark - one.mark || one.order - other.order);
  store.contacts = all.filter((card) => card.kind === "contacts");
  store.organizations = all.filter((card) => card.kind === "organizations");
  stale = false;
}

function newest(name, news, identity) {
  if (!news.length) return store[name];
  const all = new Map([...store[name], ...news].map((item) => [item[identity], item]));
  return [...all.values()].sort((one, other) => other[identity] - one[identity]).slice(0, KEPT[name]);
}

/** Cards that fit what was typed: words in any order, or a number however it is written. */
export function search(cards, typed) {
  const query = typed.trim().toLocaleLowerCase("uk");
  if (!query) return cards;
  const number = digits(query);
  if (number.length > 1 && /^[\d\s()+.-]+$/.test(query)) {
    return cards.filter((card) => card.numbers?.includes(number) || card.number === query);
  }
  const words = query.split(/\s+/);
  return cards.filter((card) => words.every((word) => card.haystack.includes(word)));
}

export function stateOf(key) { return store.delivery.states?.[key] ?? ""; }
