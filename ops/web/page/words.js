/* Times, numbers and names for people. */
import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const clock = (seconds) => CLOCK.format(new Date(seconds * 1000));
export const day = (seconds) => DAY.format(new Date(seconds * 1000));
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function ago(seconds) {
  const past = Math.round(Date.now() / 1000 - seconds), away = Math.abs(past);
  if (past >= 0 && past < 3) return "just now";
  const [size, unit] = away < 60 ? [1, "s"] : away < 3600 ? [60, "min"] : away < 86400 ? [3600, "h"] : [86400, "d"];
  const amount = `${Math.floor(away / size)} ${unit}`;
  return past >= 0 ? `${amount} ago` : `in ${amount}`;
}

/** A time that keeps telling how long ago it was. */
export const when = (seconds, attributes) =>
  h("time", { ...attributes, "data-at": seconds, title: day(seconds), datetime: new Date(seconds * 1000).toISOString() }, ago(seconds));

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-at]")) {
    const text = ago(Number(element.dataset.at));
    if (element.textContent !== text) element.textContent = text;
  }
}, 1000);

export function phone(number) {
  const [, ...parts] = /^\+?(380)(\d{2})(\d{3})(\d{2})(\d{2})$/.exec(number) ?? [];
  return parts.length ? `+${parts.join("\u00a0")}` : number;
}

export const digits = (text) => text.replace(/\D/g, "");

export function initials(name) {
  const words = name.split(/\s+/).map((word) => [...word].find((letter) => /\p{L}|\p{N}/u.test(letter))).filter(Boolean);
  return words.slice(0, 2).join("").toLocaleUpperCase("uk") || "·";
}

export function tone(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % 8;
}

export const avatar = (name, key, attributes = "") =>
  h("span", { class: `avatar tone-${tone(key)} ${attributes}`, "aria-hidden": "true" }, initials(name));
