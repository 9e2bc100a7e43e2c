import "./reaching.css";
import { Fragment, type JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Qr } from "../admin/qr";
import { Refused, api } from "./api";
import { Copy } from "./card";
import { Icon } from "./parts";
import { tell } from "./rows";
import { first, t } from "./settings";
import type { Reaches } from "./wire";

const LOOK_EVERY = 2_000;

/** The operator's own messengers: linked by one message, and taken off by one press. */
export function Reaching({ Title }: { Title: "h2" | "h3" }): JSX.Element | null {
  const [known, setKnown] = useState<Reaches | null>(null);
  const [link, setLink] = useState<{ channel: string; url: string } | null>(null);

  const questions = useRef(0);
  const shown = useRef(0);
  const wanted = useRef("");

  async function load(): Promise<void> {
    const mine = (questions.current += 1);
    try {
      const found = await api.reaches();
      if (mine < shown.current) return;
      shown.current = mine;
      setKnown(found);
    } catch (error) {
      tell(error);
    }
  }

  useEffect(() => void load(), []);
  useEffect(() => {
    if (!link) return;
    // What is linked is told by the hub to nobody but whoever asks.
    const look = window.setInterval(() => void load(), LOOK_EVERY);
    return () => clearInterval(look);
  }, [link]);
  useEffect(() => {
    if (link && known?.items.some((one) => one.channel === link.channel)) setLink(null);
  }, [known]);

  async function begin(project: string, channel: string): Promise<void> {
    wanted.current = channel;
    try {
      const { url } = await api.linkReach(project, channel);
      // Another one may have been pressed meanwhile.
      if (wanted.current === channel) setLink({ channel, url });
    } catch (error) {
      tell(error);
    }
  }

  async function drop(id: string): Promise<void> {
    try {
      await api.dropReach(id);
      await load();
    } catch (error) {
      tell(error);
    }
  }

  if (!known || (!known.items.length && !known.able.length && !known.mails)) return null;
  const kind = (of: string): string => first(`kind.${of}`, of);
  const free = known.able.filter((one) => !known.items.some((each) => each.channel === one.channel));
  return (
    <div class="hearing-card" role="group" aria-labelledby="reaching-title">
      <Title id="reaching-title">{t("inbox.reaching")}</Title>
      <p class="quiet reaching-about">{t("inbox.reaching.about")}</p>
      {known.items.map((one) => (
        <div key={one.id} class="hearing-row">
          <span class="reaching-who">
            <b>{kind(one.kind)}</b>
            <span class="quiet">
              {[one.name, one.channel_name].filter(Boolean).join(" · ")}
              {one.reachable ? "" : ` · ${t("inbox.card.unreachable")}`}
            </span>
          </span>
          <button type="button" class="button" onClick={() => void drop(one.id)}>
            {t("inbox.reaching.drop")}
          </button>
        </div>
      ))}
      {free.map((one) => (
        <Fragment key={one.channel}>
          <div class="hearing-row">
            <span class="reaching-who">
              <b>{kind(one.kind)}</b>
              <span class="quiet">{one.channel_name}</span>
            </span>
            <button
              type="button"
              class="button"
              aria-expanded={link?.channel === one.channel}
              onClick={() => void begin(one.project, one.channel)}
            >
              {t("inbox.reaching.link")}
            </button>
          </div>
          {link?.channel === one.channel ? <Way url={link.url} /> : null}
        </Fragment>
      ))}
      {known.mails ? <Email kept={known.email} onSaved={load} /> : null}
    </div>
  );
}

/** Where to write to when no messenger can be reached. */
function Email({ kept, onSaved }: { kept: string; onSaved: () => Promise<void> }): JSX.Element {
  const [email, setEmail] = useState(kept);
  const [wrong, setWrong] = useState(false);
  const sent = useRef(kept);
  useEffect(() => {
    // What is being typed is not taken away by what comes.
    if (email.trim() === sent.current) setEmail(kept);
    sent.current = kept;
  }, [kept]);
  async function save(): Promise<void> {
    try {
      sent.current = email.trim();
      await api.change({ email: email.trim() });
      setWrong(false);
      await onSaved();
    } catch (error) {
      if (error instanceof Refused && error.problem.status === 400) setWrong(true);
      else tell(error);
    }
  }
  return (
    <form
      class="reaching-email"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label for="reaching-email">{t("inbox.reaching.email")}</label>
      <span class="reaching-steps">
        <input
          id="reaching-email"
          type="email"
          autocomplete="email"
          maxLength={200}
          value={email}
          aria-invalid={wrong}
          aria-describedby="reaching-email-about"
          onInput={(event) => setEmail(event.currentTarget.value)}
        />
        <button type="submit" class="button" disabled={email.trim() === kept}>
          {t("inbox.reaching.email.save")}
        </button>
      </span>
      <p id="reaching-email-about" class={wrong ? "reaching-wrong" : "quiet"} role="status">
        {t(wrong ? "inbox.reaching.email.wrong" : "inbox.reaching.email.about")}
      </p>
    </form>
  );
}

/** How the operator gets to the bot from here, or from the phone in the hand. */
function Way({ url }: { url: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [url]);
  return (
    <div ref={box} class="reaching-link" role="status">
      <Qr address={url} label={t("inbox.reaching.qr")} />
      <div>
        <p>{t("inbox.reaching.how")}</p>
        <span class="reaching-steps">
          <a href={url} target="_blank" rel="noopener noreferrer">
            {t("inbox.reaching.open")}
            <Icon name="on" />
          </a>
          <Copy what={url} label={t("inbox.copy_link")} />
        </span>
      </div>
    </div>
  );
}
