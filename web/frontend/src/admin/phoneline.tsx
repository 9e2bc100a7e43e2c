import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { phone } from "../inbox/names";
import { project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import { Frame, Text } from "./fields";
import { phoneOf } from "./checks";
import type { Trunk } from "./script";
import { awaited, loadTrunks } from "./trunks";
import { t } from "./words";

/** By what the project calls; or the ways to get something to call by. */
export function PhoneLine({ trunk }: { trunk: Trunk | null }): JSX.Element {
  return trunk ? (
    <div class="phone-line">
      <p>
        <b>{t("admin.calling.line.calls", { name: trunk.name })}</b>
        {trunk.training ? <span class="ring-training">{t("inbox.ring.training")}</span> : null}
      </p>
      <p class="quiet">
        {trunk.training
          ? t("admin.calling.line.is_training")
          : t("admin.calling.line.limits", { n: trunk.calls_max, prefixes: trunk.prefixes.join(", +") })}
      </p>
      <a class="link" href={`#/admin/${encodeURIComponent(trunk.id)}`}>
        {t("admin.calling.line.settings")}
      </a>
    </div>
  ) : (
    <Without />
  );
}

function Without(): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const train = async (): Promise<void> => {
    setBusy(true);
    try {
      await api.addChannel(project.value, "simulator", t("admin.calling.line.training_name"));
      await loadTrunks();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(refusal(error.problem.code));
    }
    setBusy(false);
  };
  return (
    <div class="phone-line none">
      <p>
        <b>{t("admin.calling.line.none")}</b>
      </p>
      <p class="quiet">{t("admin.calling.line.none_why")}</p>
      <p class="steps">
        <a class="button strong" href="#/admin/+">
          {t("admin.calling.line.connect")}
        </a>
        <button type="button" class="button" disabled={busy} onClick={() => void train()}>
          {t("admin.calling.line.training")}
        </button>
      </p>
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
    </div>
  );
}

interface ShownProps {
  place: string;
  trunk: Trunk | null;
  value: string;
  label: string;
  /** What an empty one means. */
  otherwise: string;
  onPut: (shown: string) => void;
}

/** The number that the client sees: one of those confirmed for the line, where there is a line. */
export function Shown({ place, trunk, value, label, otherwise, onPut }: ShownProps): JSX.Element | null {
  // A field that turned into a list under the hand would lose what was typed.
  if (awaited.value) return null;
  if (!trunk)
    return (
      <Text
        place={place}
        label={label}
        help={t("admin.calling.shown.help")}
        example="+74951234567"
        keys="tel"
        short
        max={40}
        value={value}
        onInput={onPut}
        onLeave={(shown) => onPut(phoneOf(shown))}
      />
    );
  const odd = value !== "" && !trunk.numbers.includes(value);
  return (
    <Frame
      place={place}
      label={label}
      help={trunk.shows_number ? t("admin.calling.shown.pick") : t("admin.calling.shown.none", { name: trunk.name })}
    >
      {(ties) => (
        <select
          {...ties}
          class="short"
          value={value}
          disabled={!trunk.shows_number && !value}
          onChange={(event) => onPut(event.currentTarget.value)}
        >
          <option value="">{otherwise}</option>
          {trunk.numbers.map((one) => (
            <option key={one} value={one}>
              {phone(one)}
            </option>
          ))}
          {odd ? <option value={value}>{t("admin.calling.shown.odd", { number: phone(value) })}</option> : null}
        </select>
      )}
    </Frame>
  );
}
