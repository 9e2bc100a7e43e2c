import { signal } from "@preact/signals";
import type {
  Arranged,
  ChannelChange,
  ChannelForm,
  ChannelSettings,
  CheckStep,
  Reading,
  SiteSettings,
  Trial,
} from "../admin/wire";
import type {
  Alike,
  Attachment,
  Call,
  CallCard,
  Cancel,
  Channel,
  Counts,
  Decided,
  Dialog,
  Entry,
  Filter,
  Health,
  Hit,
  Lead,
  LeadView,
  Letter,
  Me,
  Mode,
  Operator,
  Page,
  Presence,
  Problem,
  Reaches,
  Refusal,
  Replayed,
  Result,
  Resulted,
  Start,
  View,
  Whole,
  Trouble,
} from "./wire";

/** An answer that is not a success; status 0 means that no answer came. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }

  get passing(): boolean {
    return this.problem.status === 0 || this.problem.status === 429 || this.problem.status >= 500;
  }
}

export const csrf = signal("");

let onSignedOut = (): void => {};

/** Says whom to tell that the session is over. */
export function whenSignedOut(tell: () => void): void {
  onSignedOut = tell;
}

const ROOT = "/api/v1";

export async function call<T>(method: string, path: string, body?: unknown, again = true): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrf.value;
  let answer: Response;
  try {
    answer = await fetch(ROOT + path, {
      method,
      headers,
      credentials: "same-origin",
      // What is being kept (a draft, how far was read) is finished even as the page goes away.
      keepalive: method === "PUT",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw new Refused({ status: 0, code: "offline" });
  }
  if (answer.ok) {
    try {
      return (answer.status === 204 ? undefined : await answer.json()) as T;
    } catch {
      throw new Refused({ status: 0, code: "offline" });
    }
  }
  const refused = refusal(answer.status, await answer.text().catch(() => ""), path);
  if (refused.problem.code === "csrf" && again) {
    // Another tab has renewed the session; the cookie is ours too, only the token is old.
    csrf.value = (await call<Me>("GET", "/me")).csrf;
    return call<T>(method, path, body, false);
  }
  throw refused;
}

function refusal(status: number, body: string, path: string): Refused {
  let problem: Problem = { status, code: status >= 500 ? "unavailable" : "refused" };
  try {
    problem = { ...problem, ...(JSON.parse(body) as Partial<Problem>), status };
  } catch {
    // A proxy's page instead of ours: the status alone must do.
  }
  if (status === 401 && path !== "/session") onSignedOut();
  return new Refused(problem);
}

const get = <T>(path: string): Promise<T> => call<T>("GET", path);
const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("POST", path, body);
const of = encodeURIComponent;

const letters = (project: string): string => `/projects/${of(project)}/dead-letters`;

const leadOf = (lead: Lead): string => `/projects/${of(lead.project)}/leads/${of(lead.id)}`;

const callOf = (call: Call): string => `/projects/${of(call.project)}/calls/${of(call.id)}`;

export type Step = "take" | "return" | "close" | "reopen" | "spam" | "unspam";

/** That somebody is to be called: at that time or at once, and whether in spite of what is odd. */
export interface Wish {
  key: string;
  phone: string;
  at: string | null;
  anyway: boolean;
}

export const api = {
  signIn: (login: string, password: string) => post<Me>("/session", { login, password }),
  signOut: () => call<void>("DELETE", "/session"),
  me: () => get<Me>("/me"),
  change: (values: { name?: string; lang?: string; email?: string }) => call<Me>("PATCH", "/me", values),
  setPassword: (fresh: string, current: string) =>
    post<void>("/me/password", current ? { current, new: fresh } : { new: fresh }),
  reaches: () => get<Reaches>("/me/reaches"),
  linkReach: (project: string, channel: string) =>
    post<{ url: string; seconds: number }>("/me/reaches", { project, channel }),
  dropReach: (id: string) => call<void>("DELETE", `/me/reaches/${of(id)}`),
  setPresence: (presence: Presence) => call<void>("PUT", "/me/presence", { presence }),
  channels: (project: string) =>
    get<{ items: Channel[] }>(`/projects/${of(project)}/channels`).then((answer) => answer.items),
  counts: (project: string) => get<Counts>(`/projects/${of(project)}/counts`),
  operators: (project: string) =>
    get<{ items: Operator[] }>(`/projects/${of(project)}/operators`).then((answer) => answer.items),
  dialogs: (
    project: string,
    view: View,
    after: string | null,
    limit = 50,
    filter: Partial<Filter> = {},
  ) => {
    const query = new URLSearchParams({ view, limit: String(limit) });
    for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value);
    if (after) query.set("after", after);
    return get<Page>(`/projects/${of(project)}/dialogs?${query}`);
  },
  dialog: (id: string) => get<Whole>(`/dialogs/${of(id)}`),
  entry: (id: string, entry: string) => get<Entry>(`/dialogs/${of(id)}/entries/${of(entry)}`),
  timeline: (id: string, before_seq?: number, limit = 50) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before_seq !== undefined) query.set("before_seq", String(before_seq));
    return get<{ items: Entry[]; more: boolean }>(`/dialogs/${of(id)}/timeline?${query}`);
  },
  setSeen: (id: string, seq: number) => call<void>("PUT", `/dialogs/${of(id)}/seen`, { seq }),
  setDraft: (
    id: string,
    draft: { mode: Mode; text: string; reply_to: string; attachments: string[] },
  ) => call<void>("PUT", `/dialogs/${of(id)}/draft`, draft),
  assign: (id: string, operator: string) =>
    post<Dialog>(`/dialogs/${of(id)}/assign`, { operator }),
  emailed: (id: string) => post<Dialog>(`/dialogs/${of(id)}/emailed`),
  noReply: (id: string) => post<Dialog>(`/dialogs/${of(id)}/no-reply`),
  beginning: (project: string) => get<Start>(`/projects/${of(project)}/start`),
  addExamples: (project: string) =>
    post<{ dialogs: number }>(`/projects/${of(project)}/examples`),
  dropExamples: (project: string) => call<void>("DELETE", `/projects/${of(project)}/examples`),
  arranged: (project: string) =>
    get<{ items: Arranged[] }>(`/projects/${of(project)}/channels/settings`).then(
      (answer) => answer.items,
    ),
  channelSettings: <S = SiteSettings>(project: string, channel: string) =>
    get<ChannelSettings<S>>(`/projects/${of(project)}/channels/${of(channel)}/settings`),
  changeChannel: <S = SiteSettings>(project: string, channel: string, change: ChannelChange<S>) =>
    call<ChannelSettings<S>>(
      "PATCH",
      `/projects/${of(project)}/channels/${of(channel)}/settings`,
      change,
    ),
  addChannel: (project: string, kind: string, name: string, settings: object = {}) =>
    post<ChannelSettings<unknown>>(`/projects/${of(project)}/channels`, { kind, name, settings }),
  channelKinds: (project: string) =>
    get<{ items: { kind: string }[] }>(`/projects/${of(project)}/channels/kinds`).then((answer) =>
      answer.items.map(({ kind }) => kind),
    ),
  channelForm: (project: string, kind: string) =>
    get<ChannelForm>(`/projects/${of(project)}/channels/kinds/${of(kind)}`),
  beginTrial: (project: string, channel: string) =>
    post<{ trial: Trial }>(`/projects/${of(project)}/channels/${of(channel)}/test`).then(
      (answer) => answer.trial,
    ),
  trial: (project: string, channel: string) =>
    get<{ trial: Trial | null }>(`/projects/${of(project)}/channels/${of(channel)}/test`).then(
      (answer) => answer.trial,
    ),
  readBody: (project: string, channel: string, body: string, content_type: string) =>
    post<Reading>(`/projects/${of(project)}/channels/${of(channel)}/reading`, { body, content_type }),
  checkPage: (project: string, channel: string, url: string) =>
    post<{ steps: CheckStep[] }>(`/projects/${of(project)}/channels/${of(channel)}/check`, {
      url,
    }).then((answer) => answer.steps),
  search: (project: string, words: string, after: string | null) => {
    const query = new URLSearchParams({ q: words });
    if (after) query.set("after", after);
    return get<{ items: Hit[]; next: string | null; looked_back_to: string | null }>(
      `/projects/${of(project)}/search?${query}`,
    );
  },
  log: (
    id: string,
    where: { around_seq?: number; after_seq?: number; before_seq?: number; limit?: number } = {},
  ) => {
    const query = new URLSearchParams(
      Object.entries(where).map(([name, value]) => [name, String(value)]),
    );
    return get<{ items: Entry[]; more: boolean; newer: boolean }>(
      `/dialogs/${of(id)}/log?${query}`,
    );
  },
  say: (id: string, key: string, text: string, attachments: string[], reply_to = "") =>
    post<Entry>(`/dialogs/${of(id)}/messages`, { key, text, attachments, reply_to }),
  note: (id: string, key: string, text: string) =>
    post<Entry>(`/dialogs/${of(id)}/notes`, { key, text }),
  rewrite: (id: string, entry: string, key: string, text: string) =>
    call<Entry>("PATCH", `/dialogs/${of(id)}/entries/${of(entry)}`, { key, text }),
  takeBack: (id: string, entry: string, key: string) =>
    call<Entry>("DELETE", `/dialogs/${of(id)}/entries/${of(entry)}?key=${of(key)}`),
  react: (id: string, entry: string, key: string, emoji: string) =>
    call<Entry>("PUT", `/dialogs/${of(id)}/entries/${of(entry)}/reaction`, { key, emoji }),
  fetchFile: (id: string, entry: string, file: string) =>
    post<Entry>(`/dialogs/${of(id)}/entries/${of(entry)}/files/${of(file)}/fetch`),
  retry: (id: string, entry: string) =>
    post<Entry>(`/dialogs/${of(id)}/messages/${of(entry)}/retry`),
  troubles: (project: string) =>
    get<{ items: Trouble[]; calendar: number | null }>(`/projects/${of(project)}/troubles`),
  health: () => get<Health>("/health"),
  letters: (project: string, after: string | null) => {
    const query = new URLSearchParams(after ? { after } : {});
    return get<{ items: Letter[]; next: string | null }>(`${letters(project)}?${query}`);
  },
  letter: (project: string, id: string) =>
    get<{ letter: Letter; body: string; cut: boolean }>(`${letters(project)}/${of(id)}`),
  replayLetter: (project: string, id: string) =>
    post<Replayed>(`${letters(project)}/${of(id)}/replay`),
  dropLetter: (project: string, id: string) =>
    call<void>("DELETE", `${letters(project)}/${of(id)}`),
  step: (id: string, step: Step) => post<Dialog>(`/dialogs/${of(id)}/${step}`),
  refuse: (id: string, what: Refusal[]) => post<Dialog>(`/dialogs/${of(id)}/refusals`, { what }),
  callBack: (id: string, wish: Wish) => post<Decided>(`/dialogs/${of(id)}/callback`, wish),
  alike: (id: string) =>
    get<{ items: Alike[] }>(`/dialogs/${of(id)}/alike`).then((answer) => answer.items),
  merge: (id: string, contact: string) => post<unknown>(`/dialogs/${of(id)}/merge`, { contact }),
  leads: (project: string, view: LeadView, after: string | null, { phone = "", q = "" } = {}) => {
    const query = new URLSearchParams({ view });
    if (after) query.set("after", after);
    if (phone) query.set("phone", phone);
    if (q) query.set("q", q);
    return get<{ items: Lead[]; next: string | null; looked_to: string | null }>(
      `/projects/${of(project)}/leads?${query}`,
    );
  },
  moveLead: (lead: Lead, at: string) => post<Decided>(`${leadOf(lead)}/move`, { at }),
  automateLead: (lead: Lead) => post<Decided>(`${leadOf(lead)}/automatic`),
  cancelLead: (lead: Lead, cause: Cancel) => post<Decided>(`${leadOf(lead)}/cancel`, { cause }),
  confirmLead: (lead: Lead) => post<Lead>(`${leadOf(lead)}/confirm`),
  calls: (project: string, of_: { lead?: string; dialog?: string; phone?: string; live?: "true" }) =>
    get<{ items: Call[]; next: string | null }>(
      `/projects/${of(project)}/calls?${new URLSearchParams(of_)}`,
    ),
  call: (call: Call) => get<CallCard>(callOf(call)),
  cancelCall: (call: Call) => post<Call>(`${callOf(call)}/cancel`),
  transferCall: (call: Call, to: { operator?: string; number?: string }) =>
    post<Call>(`${callOf(call)}/transfer`, to),
  resultOf: (
    call: Call,
    result: { code: Result; comment: string; at: string | null; anyway: boolean },
  ) => post<Resulted>(`${callOf(call)}/result`, result),
  correctLead: (lead: Lead, phone: string) => post<Decided>(`${leadOf(lead)}/phone`, { phone }),
};

/** Sends one file, telling the share done; `stop` gives up. */
export function upload(
  project: string,
  file: File,
  progress: (share: number) => void,
): { done: Promise<Attachment>; stop: () => void } {
  const path = `/projects/${of(project)}/files?name=${of(file.name || "file")}`;
  const request = new XMLHttpRequest();
  const done = new Promise<Attachment>((resolve, reject) => {
    request.open("POST", ROOT + path);
    request.setRequestHeader("X-CSRF-Token", csrf.value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status === 200 || request.status === 201)
        resolve(JSON.parse(request.responseText) as Attachment);
      else reject(refusal(request.status, request.responseText, path));
    };
    request.onerror = request.ontimeout = () =>
      reject(new Refused({ status: 0, code: "offline" }));
    request.onabort = () => reject(new Refused({ status: 0, code: "stopped" }));
    request.send(file);
  });
  return { done, stop: () => request.abort() };
}
