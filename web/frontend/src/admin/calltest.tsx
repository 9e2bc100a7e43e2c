import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, call as ask } from "../inbox/api";
import { project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import { Stages, useCall } from "../inbox/stages";
import { type Script, type Trunk, tidyScript } from "./script";
import { telephony } from "./telephony";
import { first, t } from "./words";

interface TestProps {
  trunk: Trunk;
  script: Script;
  connection?: string;
  /** The number shown as it stands in the form; absent where the form has none of its own. */
  shown?: string;
}

/** A whole call by the script as it stands in the form, to see and hear it before clients do. */
export function CallTest({ trunk, script, connection = "", shown }: TestProps): JSX.Element {
  const id = project.value;
  const [number, setNumber] = useState("");
  const [operator, setOperator] = useState("");
  const [own, setOwn] = useState("");
  const [trouble, setTrouble] = useState<{ field: string; words: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const [going, setGoing] = useState("");
  const call = useCall(id, going);
  useEffect(() => {
    let here = true;
    ask<{ number: string }>("GET", `/me/seats/${encodeURIComponent(id)}`).then(
      (seat) => here && setOwn(seat.number),
      () => {},
    );
    return () => {
      here = false;
    };
  }, [id]);
  const begin = async (): Promise<void> => {
    setTrouble(null);
    setBusy(true);
    try {
      const wanted = { number, operator, script: tidyScript(script), connection };
      setGoing((await telephony.test(id, shown === undefined ? wanted : { ...wanted, shown })).call);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, field = "" } = error.problem;
      const plain = field === "number" || field === "operator";
      const words = first(`error.${code}`, "");
      setTrouble({
        field,
        words: plain && code === "bad_value" ? t("admin.wrong.phone") : words ? refusal(code) : t("admin.wrong.value"),
      });
    }
    setBusy(false);
  };
  const field = (name: "number" | "operator", value: string, put: (to: string) => void): JSX.Element => {
    const bad = trouble?.field === name;
    return (
      <div class="setting">
        <label for={`test-${name}`}>{t(`admin.test.${name}`)}</label>
        <input
          id={`test-${name}`}
          type="tel"
          autocomplete="off"
          maxLength={40}
          placeholder={name === "number" ? "+7 916 123-45-67" : own ? t("admin.test.operator.own", { number: own }) : ""}
          aria-invalid={bad}
          aria-describedby={bad ? "test-wrong" : name === "operator" && own ? "test-operator-help" : undefined}
          value={value}
          onInput={(event) => put(event.currentTarget.value)}
        />
        {name === "operator" && own ? (
          <p id="test-operator-help" class="field-help">
            {t("admin.test.operator.help")}
          </p>
        ) : null}
      </div>
    );
  };
  return (
    <section class="call-test" aria-label={t("admin.test")}>
      <h3>{t("admin.test")}</h3>
      <p class="remark">
        {t("admin.test.why")}
        {trunk.training ? `. ${t("admin.calling.line.is_training")}` : ""}
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void begin();
        }}
      >
        <div class="pair">
          {field("operator", operator, setOperator)}
          {field("number", number, setNumber)}
        </div>
        <p id="test-wrong" class="field-wrong" role="alert">
          {trouble?.words}
        </p>
        <button type="submit" class="button strong" disabled={busy || !number.trim() || (call?.live ?? false)}>
          {t("admin.test.go")}
        </button>
      </form>
      {going ? <Stages call={call} /> : null}
    </section>
  );
}
