import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Avatar, Empty, Icon } from "../inbox/parts";
import { goTo } from "../inbox/route";
import { project, projects } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import type { Arranged, ChannelSettings } from "../inbox/wire";
import { Doors } from "./doors";
import { isExample } from "./start";
import { first, passed, t } from "./words";

/** All the ways in which people write to this project, and one to add another. */
export function Channels(): JSX.Element {
  const [found, setFound] = useState<Arranged[] | null>(null);
  const id = project.value;
  const [failed, setFailed] = useState(false);
  const read = (): void => {
    setFailed(false);
    void api
      .arranged(id)
      .then((items) => project.value === id && setFound(items))
      .catch(() => setFailed(true));
  };
  useEffect(read, [id]);
  const own = (found ?? []).filter((channel) => !isExample(channel.id));
  return (
    <div class="channels">
      <header class="admin-head">
        <h1>{t("admin.channels")}</h1>
        <p class="quiet">{projects.value.find((one) => one.id === id)?.name}</p>
      </header>
      <Doors />
      {found && own.length ? (
        <ul class="channel-cards" aria-label={t("admin.channels")}>
          {own.map((channel) => (
            <Card key={channel.id} channel={channel} />
          ))}
        </ul>
      ) : null}
      {failed ? (
        <Empty title={t("admin.failed")}>
          <button type="button" class="button" onClick={read}>
            {t("admin.again")}
          </button>
        </Empty>
      ) : null}
      {found ? <Add /> : null}
    </div>
  );
}

function Card({ channel }: { channel: Arranged }): JSX.Element {
  const [view, setView] = useState<ChannelSettings | null>(null);
  useEffect(() => {
    let here = true;
    if (channel.kind === "site")
      void api
        .channelSettings(project.value, channel.id)
        .then((answer) => here && setView(answer))
        .catch(() => {});
    return () => {
      here = false;
    };
  }, [channel.id]);
  const last = view?.seen[0];
  const words = !channel.enabled
    ? t("admin.off")
    : !channel.works
      ? t("admin.broken")
      : last
        ? t("admin.seen.on", { site: last.origin.replace(/^https?:\/\//, ""), when: passed(last.at) })
        : view
          ? t("admin.seen.never")
          : "";
  return (
    <li>
      <a class="channel-card" href={`#/admin/${encodeURIComponent(channel.id)}`}>
        <Avatar name={channel.name} kind={channel.kind} />
        <span class="channel-what">
          <strong>{channel.name}</strong>
          <span class="quiet">{first(`kind.${channel.kind}`, channel.kind)}</span>
        </span>
        <span class={channel.enabled && last ? "channel-state good" : "channel-state"}>{words}</span>
        {channel.as_code ? <span class="tag">{t("admin.as_code.short")}</span> : null}
        <Icon name="on" />
      </a>
    </li>
  );
}

function Add(): JSX.Element {
  const [asking, setAsking] = useState(false);
  const [name, setName] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const add = async (): Promise<void> => {
    setBusy(true);
    try {
      const made = await api.addChannel(project.value, "site", name.trim());
      goTo(`#/admin/${encodeURIComponent(made.id)}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(refusal(error.problem.code));
      setBusy(false);
    }
  };
  if (!asking)
    return (
      <p class="adds">
        <button type="button" class="button with-icon" onClick={() => setAsking(true)}>
          <Icon name="plus" />
          {t("admin.add_site")}
        </button>
      </p>
    );
  return (
    <form
      class="add block"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) void add();
      }}
    >
      <label for="add-name">{t("admin.add_site.name")}</label>
      <div class="check-line">
        <input
          id="add-name"
          autofocus
          maxLength={100}
          placeholder="example.com"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class="button strong" disabled={busy || !name.trim()}>
          {t("admin.add")}
        </button>
        <button type="button" class="button" onClick={() => setAsking(false)}>
          {t("admin.drop")}
        </button>
      </div>
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
    </form>
  );
}
