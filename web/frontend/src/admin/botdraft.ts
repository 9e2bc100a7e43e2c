// The bot of one channel while it is being written; kept while the person looks elsewhere.
import { batch, computed, signal } from "@preact/signals";
import { Refused, call } from "../inbox/api";
import { project, tell } from "../inbox/rows";
import { type Answered, type BotSettings, type BotView, type Fault, type Line, tidied, wrongIn } from "./bots";
import { placeOf } from "./draft";
import { type State, differing, refused, saved, saving } from "./editing";
import { emptied } from "./typed";
import { first, t } from "./words";

const at = (id: string, channel: string): string =>
  `/projects/${encodeURIComponent(id)}/channels/${encodeURIComponent(channel)}/bot`;

const FAULTS = {
  empty: "admin.bot.wrong.empty",
  twice: "admin.bot.wrong.twice",
  slug: "admin.wrong.slug",
} as const satisfies Record<Fault, string>;

export const state = signal<State>("loading");
/** Whose bot it is. */
const whose = signal("");
/** As the hub has it. */
export const kept = signal<BotView | null>(null);
export const draft = signal<BotSettings | null>(null);

emptied(() =>
  batch(() => {
    whose.value = "";
    kept.value = draft.value = null;
    state.value = "loading";
  }),
);

export const changed = computed<Partial<BotSettings>>(() => {
  const before = kept.value?.settings;
  const now = draft.value;
  if (!before || !now) return {};
  return differing(before, now);
});
export const unsaved = computed(() => Object.keys(changed.value).length > 0);

export function put(change: Partial<BotSettings>): void {
  const now = draft.value;
  if (!now) return;
  batch(() => {
    draft.value = { ...now, ...change };
    saved.value = false;
    if (!refused.value?.overtaken) refused.value = null;
  });
}

export const read = (channel: string): Promise<BotView> => call<BotView>("GET", at(project.value, channel));

export interface Trying {
  settings: BotSettings;
  lines: Line[];
  /** Whom the bot speaks with. */
  name: string;
}

export const tryOut = (channel: string, trying: Trying): Promise<Answered[]> =>
  call<{ answers: Answered[] }>("POST", `${at(project.value, channel)}/sandbox`, trying).then(({ answers }) => answers);

/** Reads it anew, unless something of it is being changed. */
export async function load(channel: string): Promise<void> {
  const id = `${project.value} ${channel}`;
  saved.value = false;
  refused.value = null;
  if (whose.value === id && unsaved.value) return;
  if (whose.value !== id)
    batch(() => {
      whose.value = id;
      kept.value = draft.value = null;
      state.value = "loading";
    });
  try {
    const found = await read(channel);
    // What was saved while it was read is newer than what was read.
    if (whose.value === id && !unsaved.value && !(kept.value && kept.value.rev > found.rev)) show(found);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (whose.value === id && !kept.value) state.value = [404, 409].includes(error.problem.status) ? "missing" : "failed";
  }
}

function show(found: BotView): void {
  batch(() => {
    kept.value = found;
    draft.value = found.settings;
    state.value = "ready";
    refused.value = null;
  });
}

export function drop(channel: string): void {
  // What I began from is no more, if somebody else has saved it.
  const overtaken = refused.value?.overtaken;
  if (kept.value) show(kept.value);
  if (overtaken) void load(channel);
}

/** Saves all that has changed; false if it was refused, and `refused` says where. */
export async function save(channel: string): Promise<boolean> {
  const before = kept.value;
  if (!before || !draft.value || !unsaved.value || saving.value) return true;
  const fault = wrongIn(draft.value);
  if (fault) {
    refused.value = { place: fault[0], words: t(FAULTS[fault[1]]) };
    return false;
  }
  const sent = draft.value;
  const id = whose.value;
  saving.value = true;
  try {
    const view = await call<BotView>("PUT", at(project.value, channel), { rev: before.rev, settings: tidied(sent) });
    if (whose.value === id) keepOver(view, sent);
    saved.value = true;
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, field, status } = error.problem;
    refused.value =
      field && status === 400
        ? { place: placeOf(field), words: unfit(code) }
        : {
            place: "form",
            words: first(`admin.bot.refused.${code}`, `error.${code}`, "error.refused"),
            overtaken: code === "changed",
          };
    return false;
  } finally {
    saving.value = false;
  }
}

const unfit = (code: string): string =>
  code === "phrase" ? t("admin.bot.wrong.phrase", { example: "{{ first_name }}" }) : t("admin.wrong.value");

/** What somebody else has saved is taken, and mine put over it for one more look. */
export async function takeTheirs(channel: string): Promise<void> {
  const id = whose.value;
  const keep = (found: BotView): void => {
    if (whose.value === id && kept.value) keepOver(found, kept.value.settings);
  };
  await read(channel).then(keep, tell);
}

/** Takes it as the hub has it now, with what was typed since `before` over it. */
function keepOver(found: BotView, before: BotSettings): void {
  const mine = draft.value ? differing(before, draft.value) : {};
  show(found);
  draft.value = { ...found.settings, ...mine };
}
