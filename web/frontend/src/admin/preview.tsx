import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { me, project, projects } from "../inbox/rows";
import { compact } from "../inbox/window";
import { agreed, asked } from "./consents";
import type { SiteSettings } from "./wire";
import type { Config } from "../widget/wire";
import { t } from "./words";

export interface PreviewProps {
  channel: string;
  site: SiteSettings;
  /** Drawn as when the project is closed. */
  closed: boolean;
  show: Show;
}

/** What of the chat is looked at: a talk, a newcomer's first sight, the callback form, the invitation. */
export type Show = "chat" | "new" | "call" | "invite";

/** The real chat, drawn from what is being typed, over a sketch of somebody's page. */
export function Preview({ channel, site, closed, show }: PreviewProps): JSX.Element {
  const frame = useRef<HTMLIFrameElement>(null);
  const [ready, setReady] = useState(0);
  const [phone, setPhone] = useState(compact.value);
  const [dark, setDark] = useState(site.theme === "dark");
  const told = useRef({ ready: 0, theme: site.theme, show: "" });

  useEffect(() => {
    const hear = (event: MessageEvent<{ otklik?: string } | undefined>): void => {
      if (event.source !== frame.current?.contentWindow || event.origin !== location.origin) return;
      if (event.data?.otklik === "ready") setReady((n) => n + 1);
    };
    window.addEventListener("message", hear);
    return () => window.removeEventListener("message", hear);
  }, []);

  useEffect(() => {
    if (site.theme !== told.current.theme) {
      told.current.theme = site.theme;
      if (site.theme !== "auto") setDark(site.theme === "dark");
    }
  }, [site.theme]);

  useEffect(() => {
    if (!ready) return;
    const fresh = told.current.ready !== ready || told.current.show !== show;
    const drawing = requestAnimationFrame(() => {
      told.current.ready = ready;
      told.current.show = show;
      frame.current?.contentWindow?.postMessage(
        {
          otklik: "preview",
          config: config(site, closed),
          show,
          theme: dark ? "dark" : "light",
          lang: projects.value.find((one) => one.id === project.value)?.lang === "en" ? "en" : "ru",
          ...(fresh ? { open: show !== "invite" } : {}),
        },
        location.origin,
      );
    });
    return () => cancelAnimationFrame(drawing);
  }, [ready, site, closed, dark, show]);

  return (
    <aside class="preview" aria-label={t("admin.preview")}>
      <div class="preview-head">
        <h2>{t("admin.preview")}</h2>
        <span class="pick-of small">
          {([false, true] as const).map((one) => (
            <button
              key={String(one)}
              type="button"
              aria-pressed={phone === one}
              onClick={() => setPhone(one)}
            >
              {t(one ? "admin.preview.phone" : "admin.preview.pc")}
            </button>
          ))}
        </span>
        <span class="pick-of small">
          {([false, true] as const).map((one) => (
            <button
              key={String(one)}
              type="button"
              aria-pressed={dark === one}
              onClick={() => setDark(one)}
            >
              {t(one ? "admin.looks.theme.dark" : "admin.looks.theme.light")}
            </button>
          ))}
        </span>
      </div>
      <div class={`stage ${phone ? "phone" : "pc"} ${dark ? "dark" : "light"}`}>
        <div class="sketch" aria-hidden="true">
          <i />
          <i />
          <i />
          <i />
          <i />
        </div>
        <iframe
          key={phone ? "phone" : "pc"}
          ref={frame}
          src={`/widget/${encodeURIComponent(channel)}/preview`}
          title={t("admin.preview.frame")}
        />
      </div>
      <p class="quiet">{t("admin.preview.help")}</p>
    </aside>
  );
}

/** The settings in the shape in which a site's page gets them. */
export function config(site: SiteSettings, closed: boolean): Config {
  const here = projects.value.find((one) => one.id === project.value);
  const tomorrow = new Date(Date.now() + 86_400_000);
  tomorrow.setHours(9, 0, 0, 0);
  return {
    project: { name: here?.name ?? "" },
    lang: here?.lang ?? "ru",
    color: site.color,
    theme: site.theme,
    side: site.side,
    title: site.title,
    greeting: site.greeting,
    open: !closed,
    next_opening: closed ? tomorrow.toISOString() : null,
    answer_time: site.answer_time,
    people: site.operator_names ? [{ name: me.value?.operator.name ?? "" }] : [],
    text_max_chars: 4_000,
    attachments_max: 10,
    attachment_max_bytes: 20_000_000,
    messengers: site.messengers.filter((one) => one.url !== ""),
    phone: site.phone,
    callback: site.callback,
    subscription: site.subscription.enabled ? { text: site.subscription.text, consents: agreed(site) } : null,
    prechat: site.prechat,
    consents: asked(site),
    offline: site.offline.mode === "hide" ? { mode: "message", text: "" } : site.offline,
    invite: site.invite.enabled ? { ...site.invite, after_seconds: 0, pages: [] } : null,
    rating: site.rating,
    goals: { metrica: "", ga: false, data_layer: false },
    identity: "off",
    launcher_text: site.launcher_text,
    hide_on: [],
  };
}
