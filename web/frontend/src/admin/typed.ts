// What was typed on a form and not saved: this tab keeps it, should the session end before it is.
import { computed, effect, untracked } from "@preact/signals";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { typedBy } from "../inbox/leave";
import { me, project } from "../inbox/rows";

const operator = computed(() => me.value?.operator.id ?? "");

/** Empties a form that outlives its page whenever somebody comes or goes. */
export function emptied(empty: () => void): void {
  effect(() => {
    void operator.value;
    untracked(empty);
  });
}

type Parts = Record<string, unknown>;

export interface Typed {
  /** Which form of the project it is. */
  form: string;
  /** What of it is other than the hub has it, each part as a whole; never a secret. */
  mine: object;
  /** Puts such parts on the form again; without it there is no form yet. */
  onBack?: ((mine: Parts) => void) | undefined;
}

export interface Kept {
  /** There is something from before that is not on the form. */
  offered: boolean;
  takeBack: () => void;
  decline: () => void;
  /** What is on the form was saved or given up. */
  settled: () => void;
}

/** Keeps what is typed on a form until it is saved or given up, and has it ready to be taken back. */
export function useTyped({ form, mine, onBack }: Typed): Kept {
  const place = `${typedBy(operator.peek())}${project.peek()}.${form}`;
  // The session may end before the form is taken off the screen.
  const { current: here } = useRef(place);
  const [before, setBefore] = useState<Parts>(() => without(read(here), mine as Parts));
  const [turn, setTurn] = useState(0);
  const all = { ...before, ...mine };
  const text = Object.keys(all).length ? JSON.stringify(all) : "";
  useLayoutEffect(() => {
    // A form that is emptied because nobody is signed in any more has not been given up.
    if (operator.peek()) write(here, text);
  }, [text, turn]);
  return {
    offered: onBack !== undefined && Object.keys(before).length > 0,
    takeBack: () => {
      onBack?.(all);
      setBefore({});
    },
    decline: () => setBefore({}),
    settled: () => {
      // At once, for whoever walks away with it; what was typed meanwhile is kept right after.
      write(here, Object.keys(before).length ? JSON.stringify(before) : "");
      setTurn((was) => was + 1);
    },
  };
}

/** The parts that are not on the form already, as those of a page that shares it with another. */
function without(kept: Parts, mine: Parts): Parts {
  const other = ([name, value]: [string, unknown]): boolean =>
    JSON.stringify(value) !== JSON.stringify(mine[name]);
  return Object.fromEntries(Object.entries(kept).filter(other));
}

function read(place: string): Parts {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(place) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Parts) : {};
  } catch {
    // Without storage there is nothing from before.
    return {};
  }
}

function write(place: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(place, text);
    else sessionStorage.removeItem(place);
  } catch {
    // A full or forbidden storage costs what is typed only where the session ends.
  }
}
