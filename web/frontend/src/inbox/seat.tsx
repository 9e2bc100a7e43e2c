import "./seat.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused, call as ask } from "./api";
import { seatAsked } from "./route";
import { me, project, tell } from "./rows";
import { first, refusal, t } from "./settings";
import { Stages, useCall } from "./stages";

interface Seat {
  number: string;
  tones: string;
  enabled: boolean;
  line: "none" | "training" | "phones";
  /** Whether the line can ring this phone alone. */
  rings: boolean;
}

const PARTS = ["number", "tones", "enabled"] as const;

/** Where the operator's own calls go in this project, with a ring to try it. */
export function MySeat({ Title }: { Title: "h2" | "h3" }): JSX.Element | null {
  const id = project.value;
  const at = `/me/seats/${encodeURIComponent(id)}`;
  const [kept, setKept] = useState<Seat | null>(null);
  const [seat, setSeat] = useState<Seat | null>(null);
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [ringing, setRinging] = useState("");
  const call = useCall(id, ringing);

  const of = useRef(id);
  of.current = id;
  /** Takes what is kept; what was typed since it was sent stays as it is. */
  const show = (found: Seat, sent?: Seat): void => {
    setKept(found);
    setSeat((now) => {
      if (!now || !sent) return found;
      const typed = PARTS.filter((part) => now[part] !== sent[part]).map((part) => [part, now[part]]);
      return { ...found, ...Object.fromEntries(typed) };
    });
  };
  useEffect(() => {
    if (!id) return;
    let here = true;
    setRinging("");
    // The phone of another project is not to be saved as this one's.
    setKept(null);
    setSeat(null);
    ask<Seat>("GET", at).then((found) => here && show(found), tell);
    return () => {
      here = false;
    };
  }, [id]);
  const number = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!seatAsked.value || !kept) return;
    seatAsked.value = false;
    number.current?.focus();
    number.current?.scrollIntoView({ block: "center" });
  }, [seatAsked.value, kept !== null]);
  if (!kept || !seat) return null;
  // Whoever begins is not asked for what nothing would ring.
  if (Title === "h3" && kept.line === "none" && !kept.number) return null;

  const put = (change: Partial<Seat>): void => {
    setSeat({ ...seat, ...change });
    setSaved(false);
    setTrouble("");
  };
  const unsaved = PARTS.some((part) => seat[part] !== kept[part]);
  const refuse = (error: unknown): void => {
    if (!(error instanceof Refused)) throw error;
    const { code, field } = error.problem;
    setTrouble(field === "number" ? first(`inbox.seat.${code}`, "inbox.seat.wrong") : refusal(code));
  };
  const save = async (change: Partial<Seat> = {}): Promise<boolean> => {
    const { number, tones, enabled } = { ...seat, ...change };
    const sent = seat;
    setBusy(true);
    setTrouble("");
    try {
      const found = await ask<Seat>("PUT", at, { number, tones: tones.trim(), enabled });
      if (of.current !== id) return false;
      show(found, sent);
      setSaved(true);
      return true;
    } catch (error) {
      refuse(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const ring = async (): Promise<void> => {
    if (unsaved && !(await save())) return;
    try {
      setRinging((await ask<{ call: string }>("POST", `${at}/ring`)).call);
    } catch (error) {
      refuse(error);
    }
  };
  const name = me.value?.memberships.find((one) => one.project.id === id)?.project.name ?? "";
  const live = call?.live ?? false;

  return (
    <form
      class="hearing-card seat"
      aria-labelledby="seat-title"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Title id="seat-title">{t("inbox.seat")}</Title>
      <p class="quiet">{t(seat.line === "none" ? "inbox.seat.none" : "inbox.seat.about", { name })}</p>
      <div class="seat-fields">
        <label>
          <span>{t("inbox.seat.number")}</span>
          <input
            ref={number}
            type="tel"
            autocomplete="off"
            maxLength={40}
            aria-describedby="seat-number-help seat-said"
            aria-invalid={trouble !== ""}
            value={seat.number}
            onInput={(event) => put({ number: event.currentTarget.value })}
          />
          <span id="seat-number-help" class="seat-help">
            {t("inbox.seat.number.help")}
          </span>
        </label>
        <label>
          <span>{t("inbox.seat.tones")}</span>
          <input
            type="text"
            inputMode="tel"
            autocomplete="off"
            maxLength={20}
            placeholder=",,101"
            aria-describedby="seat-tones-help"
            value={seat.tones}
            onInput={(event) =>
              put({ tones: (event.currentTarget.value = event.currentTarget.value.replace(/[^0-9*#,]/g, "")) })
            }
          />
          <span id="seat-tones-help" class="seat-help">
            {t("inbox.seat.tones.help")}
          </span>
        </label>
      </div>
      <div class="hearing-row">
        <label>
          <input
            type="checkbox"
            checked={seat.enabled}
            onChange={(event) => put({ enabled: event.currentTarget.checked })}
          />
          {t("inbox.seat.enabled")}
        </label>
      </div>
      <p id="seat-said" class={trouble ? "seat-wrong" : "seat-good"} role="status">
        {trouble || (saved && !unsaved ? t("inbox.seat.saved") : "")}
      </p>
      <div class="seat-steps">
        <button type="submit" class="button" disabled={busy || !unsaved}>
          {t("inbox.seat.save")}
        </button>
        {seat.rings ? (
          <button
            type="button"
            class="button"
            disabled={busy || live || !seat.number.trim()}
            onClick={() => void ring()}
          >
            {t("inbox.seat.ring")}
          </button>
        ) : null}
      </div>
      {ringing ? <Stages call={call} ringOnly /> : null}
    </form>
  );
}
