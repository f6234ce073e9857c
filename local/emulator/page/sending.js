/* Events on their way into the bridge, through its front. */
import { ask } from "./dom.js";

const FIRST = ["Олена", "Андрій", "Ірина", "Тарас", "Оксана", "Богдан", "Соломія", "Юрій", "Ґалина", "Єва", "Їржі", "Зоряна"];
const LAST = ["Коваль", "Шевчук", "Бондар", "Ткачук", "Мельник", "Гнатюк", "Лисенко", "Поліщук", "Савчук", "Кравець"];

export const send = (preset, event) => ask("POST", "/_bridge/send", { preset, ...event });

/** Save a new person in Pipedrive, as its webhook of version 2 sends it. */
export function somebody(number) {
  const moment = new Date().toISOString();
  const name = `${FIRST[number % FIRST.length]} ${LAST[Math.floor(number / FIRST.length) % LAST.length]}`;
  return {
    contentType: "application/json", query: "", headers: {},
    body: JSON.stringify({
      meta: { action: "change", entity: "person", entity_id: String(number), timestamp: moment, version: "2.0" },
      data: {
        id: number, name, owner_id: 7, org_id: null, update_time: moment,
        phones: [{ label: "mobile", value: `067 000 ${String(number % 10000).padStart(4, "0")}`, primary: true }],
        emails: [{ label: "work", value: `person${number}@example.com`, primary: true }],
      },
      previous: null,
    }, null, 2),
  };
}
