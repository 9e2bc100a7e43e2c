// What the pages of calls ask the hub: trunks, seats, test calls, and how messages sound.
import { Refused, call, csrf } from "../inbox/api";
import type { Problem } from "../inbox/wire";
import type { Say, Script, Trunks } from "./script";

export interface Seat {
  operator: string;
  name: string;
  role: string;
  number: string;
  tones: string;
  enabled: boolean;
}

/** By what texts are said on the hub's machine. */
export interface Voice {
  engine: string;
  quality: "neural" | "natural" | "fallback" | "none";
}

export interface Recording {
  file: string;
  name: string;
  seconds: number;
}

export interface TestCall {
  number: string;
  operator: string;
  script: Script;
  connection: string;
  shown?: string;
}

const at = (project: string, path: string): string => `/projects/${encodeURIComponent(project)}${path}`;

/** A request whose body or answer is no JSON. */
async function raw(path: string, type: string, body: BodyInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method: "POST",
      headers: { "X-CSRF-Token": csrf.value, ...(type ? { "Content-Type": type } : {}) },
      credentials: "same-origin",
      body,
      signal: AbortSignal.timeout(60_000),
    });
  } catch {
    throw new Refused({ status: 0, code: "offline" });
  }
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => null)) as Problem | null;
  throw new Refused(problem ?? { status: answer.status, code: "refused" });
}

export const telephony = {
  trunks: (project: string) => call<Trunks>("GET", at(project, "/trunks")),
  seats: (project: string) => call<{ items: Seat[] }>("GET", at(project, "/seats")).then(({ items }) => items),
  test: (project: string, wanted: TestCall) =>
    call<{ call: string }>("POST", at(project, "/calls/test"), wanted),
  voice: (project: string) => call<Voice>("GET", at(project, "/speech")),
  /** The message as it will sound. */
  listen: (project: string, say: Say) =>
    raw(at(project, "/speech/listen"), "application/json", JSON.stringify({ say })).then((answer) => answer.blob()),
  keepFile: (project: string, file: File) => {
    const query = new URLSearchParams({ name: file.name || "recording" });
    return raw(at(project, `/speech/recordings?${query}`), "application/octet-stream", file).then(
      (answer) => answer.json() as Promise<Recording>,
    );
  },
  keepAddress: (project: string, url: string) => call<Recording>("POST", at(project, "/speech/links"), { url }),
  recording: (project: string, file: string) =>
    call<Recording>("GET", at(project, `/speech/recordings/${encodeURIComponent(file)}`)),
};
