import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { project } from "../inbox/rows";
import { read } from "./botdraft";
import type { BotView } from "./bots";
import { t } from "./words";

/** On a channel's page: whether a bot answers there, and the way to it. */
export function BotDoor({ channel }: { channel: string }): JSX.Element {
  const [bot, setBot] = useState<BotView | null>(null);
  useEffect(() => {
    let here = true;
    void read(channel)
      .then((found) => here && setBot(found))
      .catch(() => {});
    return () => {
      here = false;
    };
  }, [project.value, channel]);
  return (
    <section class="trying" aria-labelledby="bot-door">
      <div class="trying-head">
        <div>
          <h2 id="bot-door">{t("admin.bot")}</h2>
          <p class="quiet">{bot ? t(bot.settings.enabled ? "admin.bot.door.on" : "admin.bot.door.off") : "\u00a0"}</p>
        </div>
        <a class="button" href={`#/admin/${encodeURIComponent(channel)}/bot`} aria-describedby="bot-door">
          {t("admin.bot.door.go")}
        </a>
      </div>
    </section>
  );
}
