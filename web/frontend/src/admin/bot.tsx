import "./rules.css";
import "./bot.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../inbox/parts";
import { project as here } from "../inbox/rows";
import { changed, draft, drop, kept, load, put, save, state, takeTheirs, unsaved } from "./botdraft";
import { BotButtons } from "./botbuttons";
import { Sandbox } from "./botsandbox";
import { LABEL_MOST } from "./bots";
import { ours } from "./botwords";
import { calls } from "./calls";
import { refused, saved, saving } from "./editing";
import { Switch, Text } from "./fields";
import { KindMark } from "./mark";
import { Phrase } from "./phrase";
import { SaveBar } from "./savebar";
import { Failed, Missing, Wait } from "./wait";
import type { ChannelSettings } from "./wire";
import { t } from "./words";

/** The bot of a messenger's channel, on a page of its own. */
export function BotPage({ found }: { found: ChannelSettings<unknown> }): JSX.Element {
  const back = `#/admin/${encodeURIComponent(found.id)}`;
  return (
    <div class="linked">
      <header class="site-head">
        <a class="icon-button" href={back} aria-label={t("admin.bot.to_channel")} title={t("admin.bot.to_channel")}>
          <Icon name="back" />
        </a>
        <KindMark kind={found.kind} />
        <p class="bot-whose">{found.name}</p>
      </header>
      <Bot channel={found.id} kind={found.kind} />
    </div>
  );
}

/** What the bot of a channel says, and a trial of it beside. */
export function Bot({ channel, kind }: { channel: string; kind: string }): JSX.Element {
  const names = useNames();
  useEffect(() => {
    void load(channel);
    return () => {
      refused.value = null;
      saved.value = false;
    };
  }, [here.value, channel]);
  const now = draft.value;
  const can = kept.value;
  return (
    <div class="bot-page">
      {state.value === "loading" ? (
        <Wait />
      ) : state.value === "missing" ? (
        <Missing
          title={t("admin.bot.missing")}
          to={`#/admin/${encodeURIComponent(channel)}`}
          words={t("admin.bot.to_channel")}
        />
      ) : state.value !== "ready" || !now || !can ? (
        <Failed onAgain={() => void load(channel)} />
      ) : (
        <div class="bot">
          <div class="bot-form">
            <h1 class="bot-title">{t("admin.bot")}</h1>
            <p class="remark">{t("admin.bot.why")}</p>
            <Switch label={t("admin.bot.enabled")} value={now.enabled} onTurn={(enabled) => put({ enabled })} />
            <Phrase
              place="settings.greeting"
              label={t("admin.bot.greeting")}
              help={t("admin.bot.greeting.help")}
              names={names}
              otherwise={ours("rules.bot.greeting")}
              value={now.greeting}
              onInput={(greeting) => put({ greeting })}
            />
            <BotButtons buttons={now.buttons} names={names} plain={!can.buttons && kind !== "site"} onPut={(buttons) => put({ buttons })} />
            {can.phone ? (
              <Text
                place="settings.share"
                label={t("admin.bot.share")}
                help={t("admin.bot.share.help", { rule: t("admin.rule.silence") })}
                short
                max={LABEL_MOST}
                value={now.share}
                onInput={(share) => put({ share })}
              />
            ) : null}
          </div>
          <Sandbox key={channel} channel={channel} kind={kind} settings={now} />
        </div>
      )}
      <SaveBar
        typed={{ form: `bot/${channel}`, mine: changed.value, onBack: now ? put : undefined }}
        unsaved={unsaved.value}
        saved={saved.value}
        busy={saving.value}
        onDrop={() => drop(channel)}
        onSave={() => save(channel)}
        onTheirs={() => takeTheirs(channel)}
      />
    </div>
  );
}

/** The variables that its phrases may have; null until they are known. */
function useNames(): readonly string[] | null {
  const [names, setNames] = useState<string[] | null>(null);
  useEffect(() => {
    let mine = true;
    void calls
      .variables(here.value)
      .then((found) => mine && setNames(found.filter((name) => name !== "opens")))
      .catch(() => {});
    return () => {
      mine = false;
    };
  }, [here.value]);
  return names;
}
