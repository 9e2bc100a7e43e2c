// A thing of the project that has a page of its own, while it is being written.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { Refused } from "../inbox/api";
import { becomes } from "../inbox/route";
import { project as here, tell } from "../inbox/rows";
import type { Key } from "../texts";
import { placeOf } from "./draft";
import { differing, refused } from "./editing";
import { DropButton, SaveBar, justSaved } from "./savebar";
import { Failed, Missing, Wait } from "./wait";
import { first, t } from "./words";

/** A kind of such things: where they stand, what is asked of the hub, and the words for them. */
export interface Kind<Kept extends { id: string }, Draft extends { name: string }, Known> {
  room: "automations" | "connections";
  /** Its refusals in words are `admin.refused.${name}.${code}`. */
  name: string;
  /** Where the hub sees the draft in what it is sent: `terms`. */
  part: string;
  words: { new: Key; nameless: Key; drop: Key };
  addressOf: (id: string) => string;
  /** What its fields offer, and the thing itself, unless there is none. */
  read: (project: string, id: string) => Promise<[Known, Kept | null | undefined]>;
  blank: (known: Known) => Draft;
  draftOf: (kept: Kept) => Draft;
  tidy: (draft: Draft) => Draft;
  add: (project: string, key: string, draft: Draft) => Promise<Kept>;
  change: (project: string, kept: Kept, draft: Draft) => Promise<Kept>;
  drop: (project: string, kept: Kept) => Promise<void>;
}

interface Drafted<Kept, Draft, Known> {
  draft: Draft;
  known: Known;
  /** As the hub has it; null while it is new. */
  kept: Kept | null;
  put: (change: Partial<Draft>) => void;
  /** Takes it as the hub has it now, past what is being written. */
  keep: (kept: Kept) => void;
  dropping: JSX.Element | null;
}

interface DraftingProps<Kept extends { id: string }, Draft extends { name: string }, Known> {
  id: string;
  kind: Kind<Kept, Draft, Known>;
  children: (now: Drafted<Kept, Draft, Known>) => JSX.Element;
}

/** The page of one such thing, new where it has no id. */
export function Drafting<Kept extends { id: string }, Draft extends { name: string }, Known>({
  id,
  kind,
  children,
}: DraftingProps<Kept, Draft, Known>): JSX.Element {
  const [now, setNow] = useState<{ known: Known; kept: Kept | null; draft: Draft } | null>(null);
  /** What was there before anything was written. */
  const begun = (of: { known: Known; kept: Kept | null }): Draft => (of.kept ? kind.draftOf(of.kept) : kind.blank(of.known));
  const [trouble, setTrouble] = useState<"" | "missing" | "failed">("");
  const [busy, setBusy] = useState(false);
  const key = useRef(freshKey());
  const there = useRef(true);
  const project = here.value;

  /** Shows it as the hub has it now, or mine over it. */
  const show = async (mineOver: boolean): Promise<void> => {
    const [known, kept = null] = await kind.read(project, id);
    if (!there.current) return;
    refused.value = null;
    setTrouble(id && !kept ? "missing" : "");
    setNow((was) => {
      const mine = mineOver && was ? differing(begun(was), was.draft) : {};
      return { known, kept, draft: { ...begun({ known, kept }), ...mine } };
    });
  };
  const read = async (): Promise<void> => {
    setTrouble("");
    refused.value = null;
    try {
      await show(false);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!there.current) return;
      setTrouble(error.problem.status === 404 ? "missing" : "failed");
    }
  };
  useEffect(() => {
    void read();
    return () => {
      there.current = false;
      refused.value = null;
    };
  }, []);

  const room = `#/admin/~${kind.room}`;
  if (trouble === "missing")
    return <Missing title={t(`admin.missing.${kind.room}`)} to={room} words={t("admin.to_list")} />;
  if (trouble) return <Failed onAgain={() => void read()} />;
  if (!now) return <Wait />;

  const { known, kept, draft } = now;
  const before = begun(now);
  const put = (change: Partial<Draft>): void => {
    // An answer may come to a field that was drawn before the last letter was typed.
    setNow((was) => was && { ...was, draft: { ...was.draft, ...change } });
    justSaved.value = "";
    const { place = "", overtaken } = refused.value ?? {};
    const [part = ""] = place.split(".");
    if (!overtaken && (place === "form" || part in change)) refused.value = null;
  };
  /** False if it was refused, and `refused` says where. */
  const ask = async (what: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    refused.value = null;
    try {
      await what();
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!there.current) return false;
      const { code, field, current } = error.problem;
      const usual = field ? "admin.wrong.value" : "error.refused";
      refused.value = {
        place: field ? placeOf(field).replace(`${kind.part}.`, "") : "form",
        words: first(`admin.refused.${kind.name}.${code}`, `error.${code}`, usual).replace("{name}", current ?? ""),
        overtaken: code === "changed",
      };
      return false;
    } finally {
      setBusy(false);
    }
  };
  const save = async (): Promise<boolean> => {
    const wanted = kind.tidy(draft);
    if (!wanted.name) {
      refused.value = { place: "name", words: t(kind.words.nameless) };
      return false;
    }
    return ask(async () => {
      const saved = await (kept ? kind.change(project, kept, wanted) : kind.add(project, key.current, wanted));
      if (!there.current) return;
      // What is typed while it is being saved stays.
      setNow((was) => ({ known, kept: saved, draft: { ...kind.draftOf(saved), ...(was && differing(draft, was.draft)) } }));
      justSaved.value = saved.id;
      if (!id) becomes(kind.addressOf(saved.id));
    });
  };
  const unsaved = JSON.stringify(kind.tidy(draft)) !== JSON.stringify(kind.tidy(before));
  const drop = async (one: Kept): Promise<void> => {
    await ask(async () => {
      await kind.drop(project, one);
      if (there.current) becomes(room);
    });
  };

  return (
    <div class={`setup ${kind.room}`}>
      <div class="setup-main">
        <header class="admin-head">
          <a class="link" href={room}>
            {t(`admin.room.${kind.room}`)}
          </a>
          <h1 class="site-title">{draft.name || t(kind.words.new)}</h1>
        </header>
        <div class="link-form" inert={busy && !id}>
          {children({
            draft,
            known,
            kept,
            put,
            keep: (next) => setNow((was) => was && { ...was, kept: next }),
            dropping: kept && <DropButton words={t(kind.words.drop)} onDrop={() => void drop(kept)} />,
          })}
        </div>
      </div>
      <SaveBar
        typed={{
          form: `${kind.room}/${id}`,
          mine: unsaved ? differing(before, draft) : {},
          onBack: (mine) => put(mine as Partial<Draft>),
        }}
        unsaved={unsaved}
        saved={kept !== null && justSaved.value === kept.id}
        busy={busy}
        onDrop={() => {
          // What I began from is no more, if somebody else has saved it.
          if (refused.value?.overtaken) return void show(false).catch(tell);
          refused.value = null;
          put(before);
        }}
        onSave={save}
        onTheirs={() => show(true).catch(tell)}
      />
    </div>
  );
}
