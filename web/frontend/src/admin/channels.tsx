import "./linked.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Icon } from "../inbox/parts";
import { project, projects, tell } from "../inbox/rows";
import type { Arranged, ChannelSettings } from "./wire";
import { Kinds } from "./adding";
import { Doors } from "./doors";
import { type Shape, health } from "./health";
import { BareSwitch } from "./fields";
import { useLatest } from "./latest";
import { KindMark } from "./mark";
import { isExample } from "./start";
import { Failed } from "./wait";
import { first, passed, t, written } from "./words";

const AGAIN = 10_000;

/** All the ways in which people write to this project, how each is, and one to add another. */
export function Channels(): JSX.Element {
  const [found, setFound] = useState<Arranged[] | null>(null);
  const id = project.value;
  const [failed, setFailed] = useState(false);
  const latest = useLatest();
  const read = (): void => {
    const wanted = latest();
    setFailed(false);
    void api
      .arranged(id)
      .then((items) => wanted() && setFound(items))
      .catch(() => wanted() && setFailed(true));
  };
  useEffect(() => {
    setFound(null);
    read();
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") read();
    }, AGAIN);
    return () => clearInterval(timer);
  }, [id]);
  const put = (next: ChannelSettings<unknown>): void => {
    // Whatever was asked before this tells of what is no more.
    latest();
    setFound((items) => (items ?? []).map((one) => (one.id === next.id ? next : one)));
  };
  const own = (found ?? []).filter((channel) => !isExample(channel.id));
  return (
    <div class="channels">
      <header class="admin-head with-action">
        <div>
          <h1>{t("admin.channels")}</h1>
          <p class="quiet">{projects.value.find((one) => one.id === id)?.name}</p>
        </div>
        {own.length ? (
          <a class="button strong with-icon" href="#/admin/+">
            <Icon name="plus" />
            {t("admin.channels.add")}
          </a>
        ) : null}
      </header>
      <Doors />
      {own.length ? (
        <ul class="channel-cards" aria-label={t("admin.channels")}>
          {own.map((channel) => (
            <Card key={channel.id} channel={channel} onChange={put} />
          ))}
        </ul>
      ) : null}
      {failed && !found ? (
        <Failed onAgain={read} />
      ) : null}
      {found && !own.length ? <Kinds /> : null}
    </div>
  );
}

interface CardProps {
  channel: Arranged;
  onChange: (next: ChannelSettings<unknown>) => void;
}

function Card({ channel, onChange }: CardProps): JSX.Element {
  const [seen, setSeen] = useState<ChannelSettings["seen"] | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let here = true;
    if (channel.kind === "site")
      void api
        .channelSettings(project.value, channel.id)
        .then((answer) => here && setSeen(answer.seen))
        .catch(() => {});
    return () => {
      here = false;
    };
  }, [channel.id]);
  const turn = async (enabled: boolean): Promise<void> => {
    setBusy(true);
    try {
      onChange(await api.changeChannel<unknown>(project.value, channel.id, { enabled }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      tell(error);
    }
    setBusy(false);
  };
  const { tone, words } = channel.kind === "site" ? onSites(channel, seen) : health(channel);
  return (
    <li class="channel-card">
      <KindMark kind={channel.kind} />
      <div class="channel-what">
        <a href={`#/admin/${encodeURIComponent(channel.id)}`}>{channel.name}</a>
        <span class="quiet">
          {[first(`kind.${channel.kind}`, channel.kind), written(channel.pulse?.username ?? "")]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
      <p class={`channel-state ${tone}`}>
        <span>{words}</span>
        {channel.waiting && channel.enabled ? (
          <small>{t("admin.health.waiting", { n: channel.waiting })}</small>
        ) : null}
      </p>
      {channel.as_code ? (
        <span class="tag" title={t("admin.as_code")}>
          {t("admin.as_code.short")}
        </span>
      ) : (
        <BareSwitch
          title={t(channel.enabled ? "admin.turn_off" : "admin.turn_on")}
          aria-label={t("admin.turned_on", { name: channel.name })}
          disabled={busy}
          on={busy ? !channel.enabled : channel.enabled}
          onTurn={(on) => void turn(on)}
        />
      )}
    </li>
  );
}

/** A chat on sites is well where it is seen. */
function onSites(channel: Arranged, seen: ChannelSettings["seen"] | null): Shape {
  if (!channel.enabled || !channel.works) return health(channel);
  const [last] = seen ?? [];
  if (!last) return { tone: "quiet", words: seen ? t("admin.seen.never") : "" };
  const site = last.origin.replace(/^https?:\/\//, "");
  return { tone: "good", words: t("admin.seen.on", { site, when: passed(last.at) }) };
}
