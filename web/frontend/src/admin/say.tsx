import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import { refused, wrong } from "./editing";
import { Pick } from "./fields";
import { useLatest } from "./latest";
import { EXAMPLES } from "./known";
import { Phrase } from "./phrase";
import type { Say } from "./script";
import { type Recording, telephony } from "./telephony";
import { voice } from "./trunks";
import { first, t } from "./words";

interface SayProps {
  place: string;
  label: string;
  /** What is said where nothing is written; without it nothing is. */
  own?: string;
  example?: string;
  value: Say;
  names: readonly string[] | null;
  onPut: (value: Say) => void;
}

/** A message: a text that a voice says, or a recording; either can be listened to before it is saved. */
export function SayField({ place, label, own = "", example = "", value, names, onPut }: SayProps): JSX.Element {
  const [recorded, setRecorded] = useState(value.recording !== "");
  // What is taken back by the bar below is shown as it is kept.
  useEffect(() => setRecorded(value.recording !== ""), [value.recording]);
  return (
    <fieldset class="say" data-place={place}>
      <legend>{label}</legend>
      <Pick
        label={t("admin.say.kind")}
        value={recorded ? "recording" : "text"}
        of={[
          ["text", t("admin.say.text")],
          ["recording", t("admin.say.recording")],
        ]}
        onPick={(kind) => {
          setRecorded(kind === "recording");
          if (kind === "text" && value.recording) onPut({ ...value, recording: "" });
        }}
      />
      {recorded ? (
        <Recorded place={place} value={value} onPut={onPut} />
      ) : (
        <>
          <Phrase
            place={`${place}.text`}
            label={t("admin.say.text")}
            otherwise={own || example}
            help={t(own ? "admin.say.own" : "admin.say.nothing")}
            max={1_000}
            value={value.text}
            names={names}
            onInput={(text) => onPut({ ...value, text })}
          />
          <VoiceNote />
        </>
      )}
      {value.recording || (!recorded && value.text.trim()) ? (
        <Listen say={value} label={label} />
      ) : !recorded && own ? (
        <Listen say={{ text: own, recording: "" }} label={label} />
      ) : null}
    </fieldset>
  );
}

/** What is to be known of the voice before one writes for it. */
function VoiceNote(): JSX.Element | null {
  const now = voice.value;
  if (!now || now.quality === "neural" || now.quality === "natural") return null;
  return (
    <p class="field-help voice-note">
      {now.quality === "none" ? t("admin.say.mute") : t("admin.say.robot", { engine: now.engine })}
    </p>
  );
}

interface RecordedProps {
  place: string;
  value: Say;
  onPut: (value: Say) => void;
}

function Recorded({ place, value, onPut }: RecordedProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [address, setAddress] = useState("");
  const [found, setFound] = useState<Recording | null>(null);
  const [trouble, setTrouble] = useState("");
  const said = trouble || wrong(`${place}.recording`);
  useEffect(() => {
    if (!value.recording || found?.file === value.recording) return;
    // One that is gone is said to be so when the form is saved.
    let mine = true;
    telephony.recording(project.value, value.recording).then(
      (known) => mine && setFound(known),
      () => {},
    );
    return () => {
      mine = false;
    };
  }, [value.recording]);
  // A long upload ends in the form as it stands then.
  const now = useRef({ value, onPut });
  now.current = { value, onPut };
  const latest = useLatest();
  const keep = async (made: Promise<Recording>): Promise<void> => {
    const wanted = latest();
    setBusy(true);
    setTrouble("");
    try {
      const kept = await made;
      if (!wanted()) return;
      setFound(kept);
      setAddress("");
      if (refused.value?.place === `${place}.recording`) refused.value = null;
      now.current.onPut({ ...now.current.value, recording: kept.file });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (wanted()) setTrouble(refusal(error.problem.code));
    }
    setBusy(false);
  };
  return (
    <div class="recorded" data-place={`${place}.recording`}>
      {value.recording ? (
        <p class="recorded-kept">
          <span>
            {found?.file === value.recording
              ? t("admin.say.kept_long", { name: found.name, n: Math.round(found.seconds) })
              : t("admin.say.kept")}
          </span>
          <button type="button" class="button" onClick={() => onPut({ ...value, recording: "" })}>
            {t("admin.say.drop")}
          </button>
        </p>
      ) : (
        <>
          <label class="recorded-file">
            <span>{t("admin.say.file")}</span>
            <input
              type="file"
              accept="audio/*,.mp3,.wav,.ogg"
              disabled={busy}
              onChange={(event) => {
                const [file] = event.currentTarget.files ?? [];
                if (file) void keep(telephony.keepFile(project.value, file));
              }}
            />
          </label>
          <label class="recorded-address">
            <span>{t("admin.say.address")}</span>
            <span class="check-line">
              <input
                type="url"
                inputMode="url"
                placeholder={EXAMPLES.recording}
                maxLength={2_000}
                value={address}
                onInput={(event) => setAddress(event.currentTarget.value)}
              />
              <button
                type="button"
                class="button"
                disabled={busy || !address.trim()}
                onClick={() => void keep(telephony.keepAddress(project.value, address.trim()))}
              >
                {t("admin.say.fetch")}
              </button>
            </span>
          </label>
          <p class="field-help">{t("admin.say.limits")}</p>
        </>
      )}
      <p class="field-wrong" role="alert">
        {said}
      </p>
    </div>
  );
}

/** Has the message said, and plays it. */
function Listen({ say, label }: { say: Say; label: string }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [sound, setSound] = useState("");
  const [trouble, setTrouble] = useState("");
  const player = useRef<HTMLAudioElement>(null);
  const asked = JSON.stringify(say);
  const latest = useLatest();
  useEffect(() => {
    // What was heard, or is being said, is not what is written now.
    latest();
    setSound("");
    setTrouble("");
    setBusy(false);
  }, [asked]);
  useEffect(() => (sound ? () => URL.revokeObjectURL(sound) : undefined), [sound]);
  const listen = async (): Promise<void> => {
    const wanted = latest();
    setBusy(true);
    setTrouble("");
    try {
      const said = await telephony.listen(project.value, say);
      if (!wanted()) return;
      setSound(URL.createObjectURL(said));
      requestAnimationFrame(() => void player.current?.play().catch(() => {}));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!wanted()) return;
      setTrouble(first(`admin.wrong.${error.problem.code}`, "") || refusal(error.problem.code));
    }
    setBusy(false);
  };
  return (
    <div class="listen">
      <button
        type="button"
        class="button"
        disabled={busy}
        aria-label={`${t("admin.say.listen")}: ${label}`}
        onClick={() => void listen()}
      >
        {t(busy ? "admin.say.listening" : "admin.say.listen")}
      </button>
      {sound ? <audio ref={player} controls src={sound} aria-label={t("admin.say.heard")} /> : null}
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
    </div>
  );
}
