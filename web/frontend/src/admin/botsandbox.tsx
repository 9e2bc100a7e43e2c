import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { Icon, IconButton } from "../inbox/parts";
import { refusal } from "../inbox/settings";
import { above } from "../menu";
import { tryOut } from "./botdraft";
import { type Answered, type BotSettings, LINES_MOST, type Line, type Said, deed, ready } from "./bots";
import { t } from "./words";

const TYPED_FOR = 400;
/** Whose platform tells that somebody has opened the chat, before a word is said. */
const OPENED = new Set(["telegram", "max", "viber"]);
/** Somebody who is nobody: it is never dialled. */
const PHONE = "+79123456789";
const SPOKEN = "+7 912 345-67-89";

interface SandboxProps {
  channel: string;
  kind: string;
  settings: BotSettings;
}

/** A talk with the bot as it is written right now; nothing of it is kept. */
export function Sandbox({ channel, kind, settings }: SandboxProps): JSX.Element {
  const [lines, setLines] = useState<Line[]>([]);
  const [answers, setAnswers] = useState<Answered[]>([]);
  const [words, setWords] = useState("");
  const [trouble, setTrouble] = useState("");
  const asked = useRef({ n: 0, lines });
  const log = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const tried = JSON.stringify(ready(settings));

  useEffect(() => {
    const n = (asked.current.n += 1);
    const typed = asked.current.lines === lines;
    asked.current.lines = lines;
    if (!lines.length) {
      setAnswers([]);
      setTrouble("");
      return;
    }
    const ask = async (): Promise<void> => {
      try {
        // Messengers tell a name of the person, a site knows none.
        const name = kind === "site" ? "" : t("admin.bot.sandbox.name");
        const now = JSON.parse(tried) as BotSettings;
        const found = await tryOut(channel, { settings: now, lines, name });
        if (asked.current.n !== n) return;
        setAnswers(kind === "site" ? found.map((each) => drawn(each, now)) : found);
        setTrouble("");
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (asked.current.n === n) setTrouble(error.problem.status === 400 ? t("admin.bot.sandbox.unready") : refusal(error.problem.code));
      }
    };
    const timer = window.setTimeout(() => void ask(), typed ? TYPED_FOR : 0);
    return () => clearTimeout(timer);
  }, [channel, lines, tried]);
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [lines, answers]);

  const full = lines.length >= LINES_MOST;
  const say = (line: Line): void => {
    if (!full) setLines([...lines, line]);
  };
  const press = ({ label, data = "", asks }: Said["buttons"][number][number]): void =>
    say(asks === "phone" ? { phone: PHONE } : { text: label, pressed: data });
  const again = (): void => {
    setLines([]);
    field.current?.focus();
  };
  const opens = OPENED.has(kind) && !lines.length;
  return (
    <section class="sandbox" aria-labelledby="sandbox">
      <header class="sandbox-head">
        <h2 id="sandbox">{t("admin.bot.sandbox")}</h2>
        {lines.length ? <IconButton icon="again" label={t("admin.bot.sandbox.again")} onClick={again} /> : null}
      </header>
      <div class="sandbox-log" ref={log} role="log" aria-label={t("admin.bot.sandbox.log")} tabIndex={0}>
        {lines.length ? null : (
          <div class="sandbox-empty">
            <p class="quiet">{t(opens ? "admin.bot.sandbox.begin" : "admin.bot.sandbox.write_first")}</p>
            {opens ? (
              <button type="button" class="button strong" onClick={() => say({ opens: true })}>
                {t("admin.bot.sandbox.open")}
              </button>
            ) : null}
          </div>
        )}
        {lines.map((line, n) => (
          <Turn key={n} line={line} answer={answers[n]} onPress={press} />
        ))}
      </div>
      <p class="sandbox-trouble" role="status">
        {trouble || (full ? t("admin.bot.sandbox.full") : "")}
      </p>
      <form
        class="sandbox-say"
        onSubmit={(event) => {
          event.preventDefault();
          const text = words.trim();
          if (!text || full) return;
          say({ text });
          setWords("");
        }}
      >
        <input
          ref={field}
          type="text"
          aria-label={t("admin.bot.sandbox.text")}
          placeholder={t("admin.bot.sandbox.text")}
          autocomplete="off"
          maxLength={1_000}
          disabled={full}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <IconButton
          icon="phone"
          label={t("admin.bot.sandbox.phone", { phone: SPOKEN })}
          onClick={() => say({ text: SPOKEN })}
        />
        <button type="submit" class="icon-button" aria-label={t("admin.bot.sandbox.send")} title={t("admin.bot.sandbox.send")}>
          <Icon name="send" />
        </button>
      </form>
    </section>
  );
}

/** As the chat of a site draws it: the numbered lines are buttons, which say their labels. */
function drawn(answer: Answered, { buttons }: BotSettings): Answered {
  const labels = buttons.map(({ label }) => label);
  const says = answer.says.map((said) => {
    const text = above(said.text, labels);
    return text === null ? said : { text, buttons: labels.map((label) => [{ label }]) };
  });
  return { ...answer, says };
}

interface TurnProps {
  line: Line;
  answer: Answered | undefined;
  onPress: (button: Said["buttons"][number][number]) => void;
}

/** One thing said, and what the bot does about it. */
function Turn({ line, answer, onPress }: TurnProps): JSX.Element {
  return (
    <>
      {line.opens ? (
        <p class="sandbox-deed">{t("admin.bot.sandbox.opened")}</p>
      ) : (
        <p class="sandbox-line mine">
          <span class="visually-hidden">{t("admin.bot.sandbox.person")}: </span>
          {line.phone ? SPOKEN : line.text}
        </p>
      )}
      {answer?.says.map((said, n) => (
        <div key={n} class="sandbox-said">
          <p class="sandbox-line">
            <span class="visually-hidden">{t("admin.bot")}: </span>
            {said.text}
          </p>
          {said.buttons.map((row, at) => (
            <div key={at} class="sandbox-row">
              {row.map((button) => (
                <button key={button.label} type="button" class="sandbox-button" onClick={() => onPress(button)}>
                  {button.asks === "phone" ? <Icon name="phone" /> : null}
                  {button.label}
                </button>
              ))}
            </div>
          ))}
        </div>
      ))}
      {answer ? did(answer, line).map((words) => <p key={words} class="sandbox-deed">{words}</p>) : null}
    </>
  );
}

/** What it did besides speaking. */
function did(answer: Answered, line: Line): string[] {
  if (answer.silent && line.phone) return [t("admin.bot.did.phone")];
  if (answer.silent) return [t(line.text && !line.pressed ? "admin.bot.did.silent" : "admin.bot.did.nothing")];
  return answer.did.map((each) => {
    const [name, of] = deed(each);
    if (name === "kept") return t("admin.bot.did.kept", { field: of });
    if (name === "planned") return t("admin.bot.did.planned", { phone: of });
    return t("admin.bot.did.handed");
  });
}
