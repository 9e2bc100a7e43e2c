import type { JSX } from "preact";
import type { SiteSettings } from "./wire";
import { judge } from "./checks";
import { put } from "./editing";
import { Area, Count, Frame, Lines, Pick, Switch, Text } from "./fields";
import { lang } from "../inbox/settings";
import { t } from "./words";

interface SectionProps {
  site: SiteSettings;
}

const COLORS = ["#0b6e6e", "#2f6feb", "#5b4bd6", "#a23b72", "#b3421f", "#2c7a3f", "#3d4654"];

export function Looks({ site }: SectionProps): JSX.Element {
  return (
    <>
      <Color color={site.color} />
      <Pick
        label={t("admin.looks.theme")}
        value={site.theme}
        of={[
          ["auto", t("admin.looks.theme.auto")],
          ["light", t("admin.looks.theme.light")],
          ["dark", t("admin.looks.theme.dark")],
        ]}
        help={site.theme === "auto" ? t("admin.looks.theme.help") : undefined}
        onPick={(theme) => put("theme", theme)}
      />
      <Pick
        label={t("admin.looks.side")}
        value={site.side}
        of={[
          ["right", t("admin.looks.side.right")],
          ["left", t("admin.looks.side.left")],
        ]}
        onPick={(side) => put("side", side)}
      />
      <Text
        place="launcher_text"
        label={t("admin.looks.launcher")}
        help={t("admin.looks.launcher.help")}
        example={t("admin.looks.launcher.example")}
        max={80}
        value={site.launcher_text}
        onInput={(text) => put("launcher_text", text)}
      />
      <Lines
        place="hide_on"
        label={t("admin.looks.hide_on")}
        help={t("admin.looks.hide_on.help")}
        example="*/checkout*"
        value={site.hide_on}
        onInput={(pages) => put("hide_on", pages)}
      />
    </>
  );
}

function Color({ color }: { color: string }): JSX.Element {
  const seen = judge(color);
  const set = (value: string): void => put("color", value);
  const told = (n: number): string =>
    new Intl.NumberFormat(lang.value, { maximumFractionDigits: 1 }).format(n);
  return (
    <Frame place="color" label={t("admin.looks.color")}>
      {(ties) => (
        <div class="color">
          <div class="color-line">
            <input
              type="color"
              aria-label={t("admin.looks.color.pick")}
              value={seen ? color : "#000000"}
              onInput={(event) => set(event.currentTarget.value)}
            />
            <input
              {...ties}
              class="color-code"
              spellcheck={false}
              maxLength={7}
              value={color}
              onInput={(event) => set(event.currentTarget.value.trim())}
            />
            <span class="swatches" role="group" aria-label={t("admin.looks.color.ready")}>
              {COLORS.map((one) => (
                <button
                  key={one}
                  type="button"
                  class="swatch"
                  style={{ background: one }}
                  aria-label={one}
                  aria-pressed={one === color.toLowerCase()}
                  title={one}
                  onClick={() => set(one)}
                />
              ))}
            </span>
          </div>
          {seen ? (
            <div class="color-judged" role="status">
              <span class="color-sample" style={{ background: color, color: seen.ink }}>
                {t("admin.looks.color.sample")}
              </span>
              {seen.better ? (
                <span class="color-faint">
                  {t("admin.looks.color.faint", { n: told(seen.paper) })}{" "}
                  <button type="button" class="link" onClick={() => set(seen.better)}>
                    {t("admin.looks.color.better", { color: seen.better })}
                  </button>
                </span>
              ) : (
                <span class="quiet">{t("admin.looks.color.good", { n: told(seen.letters) })}</span>
              )}
            </div>
          ) : null}
        </div>
      )}
    </Frame>
  );
}

export function Texts({ site }: SectionProps): JSX.Element {
  return (
    <>
      <Text
        place="title"
        label={t("admin.texts.title")}
        help={t("admin.texts.title.help")}
        max={80}
        value={site.title}
        onInput={(text) => put("title", text)}
      />
      <Area
        place="greeting"
        label={t("admin.texts.greeting")}
        help={t("admin.texts.greeting.help")}
        example={t("admin.texts.greeting.example")}
        max={500}
        value={site.greeting}
        onInput={(text) => put("greeting", text)}
      />
      <Count
        place="answer_time"
        label={t("admin.texts.answer_time")}
        help={t("admin.texts.answer_time.help")}
        unit={t("admin.unit.minutes", { n: site.answer_time })}
        min={0}
        max={1440}
        value={site.answer_time}
        onInput={(minutes) => put("answer_time", minutes)}
      />
      <Switch
        label={t("admin.texts.names")}
        help={t("admin.texts.names.help")}
        value={site.operator_names}
        onTurn={(on) => put("operator_names", on)}
      />
      <Switch
        label={t("admin.texts.rating")}
        help={t("admin.texts.rating.help")}
        value={site.rating}
        onTurn={(on) => put("rating", on)}
      />
      <p class="remark">{t("admin.texts.hours")}</p>
    </>
  );
}

export function Offline({ site }: SectionProps): JSX.Element {
  const { offline } = site;
  return (
    <>
      <Pick
        label={t("admin.offline.mode")}
        value={offline.mode}
        of={[
          ["message", t("admin.offline.message")],
          ["callback", t("admin.offline.callback")],
          ["hide", t("admin.offline.hide")],
        ]}
        help={t(`admin.offline.${offline.mode}.help`)}
        onPick={(mode) => put("offline", { ...offline, mode })}
      />
      {offline.mode === "callback" && !site.callback.enabled ? (
        <p class="remark warn">{t("admin.offline.no_callback")}</p>
      ) : null}
      {offline.mode === "hide" ? null : (
        <Area
          place="offline.text"
          label={t("admin.offline.text")}
          help={t("admin.empty_is_ours")}
          example={t("admin.offline.text.example")}
          max={500}
          value={offline.text}
          onInput={(text) => put("offline", { ...offline, text })}
        />
      )}
      <p class="remark">{t("admin.texts.hours")}</p>
    </>
  );
}

export function Invitation({ site }: SectionProps): JSX.Element {
  const { invite } = site;
  return (
    <>
      <Switch
        label={t("admin.invite.enabled")}
        help={t("admin.invite.enabled.help")}
        value={invite.enabled}
        onTurn={(enabled) => put("invite", { ...invite, enabled })}
      />
      {invite.enabled ? (
        <>
          <Area
            place="invite.text"
            label={t("admin.invite.text")}
            help={t("admin.empty_is_ours")}
            example={t("admin.invite.text.example")}
            max={500}
            value={invite.text}
            onInput={(text) => put("invite", { ...invite, text })}
          />
          <Count
            place="invite.after_seconds"
            label={t("admin.invite.after")}
            unit={t("admin.unit.seconds", { n: invite.after_seconds })}
            min={3}
            max={3600}
            value={invite.after_seconds}
            onInput={(after_seconds) => put("invite", { ...invite, after_seconds })}
          />
          <Count
            place="invite.once_hours"
            label={t("admin.invite.once")}
            unit={t("admin.unit.hours", { n: invite.once_hours })}
            min={1}
            max={8760}
            value={invite.once_hours}
            onInput={(once_hours) => put("invite", { ...invite, once_hours })}
          />
          <Lines
            place="invite.pages"
            label={t("admin.invite.pages")}
            help={t("admin.invite.pages.help")}
            example="*/prices*"
            value={invite.pages}
            onInput={(pages) => put("invite", { ...invite, pages })}
          />
        </>
      ) : null}
    </>
  );
}
