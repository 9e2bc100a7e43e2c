import { computed, effect, signal } from "@preact/signals";
import { api } from "./api";
import { clock, project, role } from "./rows";
import type { Event, Trouble } from "./wire";

const all = signal<Trouble[]>([]);

/** The year whose production calendar nobody has confirmed yet, for those who may. */
export const calendar = signal<number | null>(null);

/** A platform that does not answer for less than this is nothing to call anybody for. */
const SHORT = 60_000;

/** The channels of the project that somebody has to look after, for those who may. */
export const troubles = computed(() =>
  all.value.filter(
    ({ state, since }) =>
      state !== "away" || since === null || clock.value - Date.parse(since) >= SHORT,
  ),
);

/** Takes what the hub says of a channel, again and again; one that is not known yet is read. */
export function learn(event: Event & { event: "channel.told" }): void {
  if (event.project !== project.value) return;
  const known = all.value.find(({ channel }) => channel === event.channel);
  if (event.state === "ok") {
    if (known) all.value = all.value.filter((one) => one !== known);
    // What is on its way may still have it.
    if (asking) reload();
  } else if (known?.state !== event.state || known.reason !== event.reason) reload();
}

let questions = 0;
let asking = false;

export function reload(): void {
  const where = project.value;
  const mine = (questions += 1);
  asking = false;
  if (role.value !== "admin") {
    all.value = [];
    calendar.value = null;
    return;
  }
  asking = true;
  void api.troubles(where).then(
    (found) => {
      if (project.value !== where || mine !== questions) return;
      asking = false;
      all.value = found.items;
      calendar.value = found.calendar;
    },
    // What is unknown is said again within the minute.
    () => {
      if (mine === questions) asking = false;
    },
  );
}

effect(() => {
  void project.value;
  all.value = [];
  calendar.value = null;
});
