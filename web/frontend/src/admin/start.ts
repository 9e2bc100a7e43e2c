// What a new product still lacks, and the examples that stand in for it.
import { signal } from "@preact/signals";
import { api } from "../inbox/api";
import { thread } from "../inbox/reading";
import { back } from "../inbox/route";
import { dialogs, project, reload, tell } from "../inbox/rows";
import type { Start } from "../inbox/wire";

export const start = signal<Start | null>(null);
export const busy = signal(false);

/** The first chat of a site, or the list of channels where there is none. */
export const site = signal("#/admin");

export async function lookAtStart(): Promise<void> {
  const where = project.value;
  const [found, all] = await Promise.all([
    api.beginning(where).catch(() => null),
    api.arranged(where).catch(() => []),
  ]);
  if (project.value !== where) return;
  const first = all.find((channel) => channel.kind === "site" && !isExample(channel.id));
  site.value = first ? `#/admin/${encodeURIComponent(first.id)}` : "#/admin";
  start.value = found;
}

/** Whether the channel is the one that the example dialogs stand on. */
export function isExample(channel: string): boolean {
  return channel === `${project.value}-examples`;
}

export function addExamples(): Promise<void> {
  return change(async () => {
    await api.addExamples(project.value);
  });
}

export function dropExamples(): Promise<void> {
  return change(async () => {
    await api.dropExamples(project.value);
    if (isExample(dialogs.peek().get(thread.value?.id ?? "")?.channel ?? "")) back();
  });
}

async function change(what: () => Promise<void>): Promise<void> {
  busy.value = true;
  await what().catch(tell);
  reload();
  await lookAtStart();
  busy.value = false;
}
