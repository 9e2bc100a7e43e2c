import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { lazy } from "../inbox/lazy";
import { Icon } from "../inbox/parts";
import { goTo } from "../inbox/route";
import type { ChannelSettings, SiteSettings } from "./wire";
import { Callback, Messengers, Prechat } from "./asking";
import {
  apply,
  changes,
  drop,
  kept,
  load,
  name,
  save,
  saved,
  saving,
  site,
  state,
  takeBack,
  takeTheirs,
  troubles,
  wrong,
} from "./editing";
import { BareSwitch } from "./fields";
import { placed, unplaced } from "./filling";
import { Install } from "./install";
import { Invitation, Looks, Offline, Texts } from "./looks";
import { Analytics, Identity, Sites } from "./outside";
import { Preview, type Show } from "./preview";
import { SaveBar } from "./savebar";
import { Failed, NoChannel, Wait } from "./wait";
import { t } from "./words";

export const SECTIONS = [
  "install",
  "looks",
  "texts",
  "bot",
  "callback",
  "messengers",
  "prechat",
  "invite",
  "offline",
  "analytics",
  "identity",
  "sites",
] as const;
type Section = (typeof SECTIONS)[number];

/** Kept and saved by itself. */
const Bot = lazy<{ channel: string; kind: string }, "Bot">(() => import("./bot"), "Bot");

/** Where each setting is changed. */
const HOME: Record<string, Section> = {
  color: "looks",
  theme: "looks",
  side: "looks",
  launcher_text: "looks",
  hide_on: "looks",
  title: "texts",
  greeting: "texts",
  answer_time: "texts",
  operator_names: "texts",
  rating: "texts",
  callback: "callback",
  subscription: "callback",
  phone: "callback",
  consents: "callback",
  messengers: "messengers",
  prechat: "prechat",
  invite: "invite",
  offline: "offline",
  goals: "analytics",
  identity: "identity",
  identity_secret: "identity",
  origins: "sites",
};

/** Never kept in a browser. */
const HIDDEN = ["identity_secret"];

const SHOWS: Partial<Record<Section, Show>> = {
  callback: "call",
  prechat: "new",
  invite: "invite",
};

interface SiteProps {
  channel: string;
  part: string;
}

export function Site({ channel, part }: SiteProps): JSX.Element {
  const section = SECTIONS.find((one) => one === part) ?? "install";
  useEffect(() => void load(channel), [channel]);
  useEffect(() => {
    saved.value = false;
  }, [section]);
  const [looked, setLooked] = useState(false);

  const view = kept.value;
  const now = site.value;
  if (state.value === "loading") return <Wait />;
  if (state.value === "missing") return <NoChannel />;
  if (state.value !== "ready" || !view || !now) return <Failed onAgain={() => void load(channel)} />;
  const show = SHOWS[section] ?? "chat";
  const [fault] = troubles.value.keys();
  return (
    <div class="site">
      <Head view={view} fixed={view.as_code || section === "bot"}>
        {section === "bot" ? null : <Look on={looked} onTurn={setLooked} />}
      </Head>
      <div class="site-body">
        <Sections channel={channel} section={section} />
        {section === "bot" ? (
          <Bot channel={channel} kind="site" />
        ) : (
          <>
            <div class="site-main">
              {view.as_code ? <p class="banner">{t("admin.as_code")}</p> : null}
              <h1 class="site-title">{t(`admin.section.${section}`)}</h1>
              <Body section={section} site={now} view={view} />
            </div>
            <div class={looked ? "site-side shown" : "site-side"}>
              <Preview channel={channel} site={now} closed={section === "offline"} show={show} />
            </div>
          </>
        )}
      </div>
      {section === "bot" ? null : (
        <SaveBar
          typed={{
            form: `channel/${channel}`,
            mine: placed(changes.value?.name ?? "", changes.value?.settings ?? {}, HIDDEN),
            onBack: (mine) => takeBack(unplaced(mine)),
          }}
          unsaved={changes.value !== null}
          saved={saved.value}
          busy={saving.value}
          wrong={fault === undefined ? "" : wrong(fault)}
          done={t("admin.saved")}
          within={(rest) => ofSite(rest, channel)}
          onDrop={drop}
          onSave={() => saveOrGo(channel)}
          onTheirs={takeTheirs}
        />
      )}
    </div>
  );
}

/** Whether that address is of a section of the chat that is saved with all others. */
function ofSite(rest: string, channel: string): boolean {
  const [id, section] = rest.split("/");
  return id === encodeURIComponent(channel) && section !== "bot";
}

interface HeadProps {
  view: ChannelSettings;
  /** Its name is not changed here. */
  fixed: boolean;
  children: JSX.Element | null;
}

function Head({ view, fixed, children }: HeadProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  return (
    <header class="site-head">
      <h1 class="visually-hidden">{view.name}</h1>
      <a
        class="icon-button"
        href="#/admin"
        aria-label={t("admin.to_channels")}
        title={t("admin.to_channels")}
      >
        <Icon name="back" />
      </a>
      <input
        ref={field}
        class="site-name"
        aria-label={t("admin.name")}
        maxLength={100}
        readOnly={fixed}
        value={name.value}
        onInput={(event) => {
          name.value = event.currentTarget.value;
          saved.value = false;
        }}
      />
      {children}
      <BareSwitch
        disabled={view.as_code || saving.value}
        on={view.enabled}
        onTurn={(enabled) => void apply({ enabled })}
      >
        <span>{t(view.enabled ? "admin.on" : "admin.off")}</span>
      </BareSwitch>
    </header>
  );
}

function Sections({ channel, section }: { channel: string; section: Section }): JSX.Element {
  const to = (one: Section): string => `#/admin/${encodeURIComponent(channel)}/${one}`;
  return (
    <nav class="sections" aria-label={t("admin.sections")}>
      <select
        aria-label={t("admin.sections")}
        value={section}
        onChange={(event) => goTo(to(event.currentTarget.value as Section))}
      >
        {SECTIONS.map((one) => (
          <option key={one} value={one}>
            {t(`admin.section.${one}`)}
          </option>
        ))}
      </select>
      <ul>
        {SECTIONS.map((one) => (
          <li key={one}>
            <a href={to(one)} aria-current={one === section ? "page" : undefined}>
              {t(`admin.section.${one}`)}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface BodyProps {
  section: Exclude<Section, "bot">;
  site: SiteSettings;
  view: ChannelSettings;
}

function Body({ section, site: now, view }: BodyProps): JSX.Element {
  if (section === "install") return <Install view={view} />;
  const Part = {
    looks: Looks,
    texts: Texts,
    callback: Callback,
    messengers: Messengers,
    prechat: Prechat,
    invite: Invitation,
    offline: Offline,
    analytics: Analytics,
    identity: Identity,
    sites: Sites,
  }[section];
  return (
    <fieldset class="form" disabled={view.as_code} key={section}>
      <legend class="visually-hidden">{t(`admin.section.${section}`)}</legend>
      <Part site={now} />
    </fieldset>
  );
}

/** Shows and hides the preview where there is no room for it beside the form. */
function Look({ on, onTurn }: { on: boolean; onTurn: (on: boolean) => void }): JSX.Element {
  const words = t(on ? "admin.preview.hide" : "admin.preview.show");
  return (
    <button
      type="button"
      class="button preview-toggle"
      aria-expanded={on}
      aria-label={words}
      title={words}
      onClick={() => onTurn(!on)}
    >
      <Icon name={on ? "close" : "eye"} />
      <span>{words}</span>
    </button>
  );
}

/** Saves, or goes to where what is wrong is changed. */
async function saveOrGo(channel: string): Promise<boolean> {
  const place = await save();
  const home = HOME[place.split(".")[0] ?? ""];
  if (home) goTo(`#/admin/${encodeURIComponent(channel)}/${home}`);
  return place === "";
}
