// What each kind asks for, asked for once: the hub imports a kind when it is first asked about it.
import { Refused, api } from "../inbox/api";
import type { ChannelForm } from "./wire";

const TRIES = 5;

const known = new Map<string, ChannelForm>();

/** The form of a kind; a hub that is still busy importing it is asked again. */
export async function formOf(project: string, kind: string): Promise<ChannelForm> {
  for (let n = 1; ; n += 1) {
    const had = known.get(kind);
    if (had) return had;
    try {
      known.set(kind, await api.channelForm(project, kind));
    } catch (error) {
      if (!(error instanceof Refused) || error.problem.status !== 0 || n === TRIES) throw error;
    }
  }
}
