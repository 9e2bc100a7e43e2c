import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { SiteSettings } from "./wire";
import { originOf } from "./checks";
import { Copied } from "./copied";
import { kept, put, wrong } from "./editing";
import { Lines, Pick, Switch, Text } from "./fields";
import { t } from "./words";

interface SectionProps {
  site: SiteSettings;
}

const EVENTS = [
  "otklik_open",
  "otklik_message",
  "otklik_call",
  "otklik_messenger_telegram",
  "otklik_phone",
  "otklik_subscribe",
  "otklik_rate",
];

export function Analytics({ site }: SectionProps): JSX.Element {
  const { goals } = site;
  return (
    <>
      <Text
        place="goals.metrica"
        label={t("admin.goals.metrica")}
        help={t("admin.goals.metrica.help")}
        example="12345678"
        max={12}
        short
        value={goals.metrica}
        onInput={(metrica) => put("goals", { ...goals, metrica: metrica.trim() })}
      />
      <Switch
        label={t("admin.goals.ga")}
        help={t("admin.goals.ga.help")}
        value={goals.ga}
        onTurn={(ga) => put("goals", { ...goals, ga })}
      />
      <Switch
        label={t("admin.goals.data_layer")}
        help={t("admin.goals.data_layer.help")}
        value={goals.data_layer}
        onTurn={(data_layer) => put("goals", { ...goals, data_layer })}
      />
      <p class="remark">{t("admin.goals.names")}</p>
      <p class="codes">
        {EVENTS.map((one) => (
          <code key={one}>{one}</code>
        ))}
      </p>
    </>
  );
}

const SAMPLES = {
  php: `<?php $hash = hash_hmac('sha256', (string) $user->id, OTKLIK_SECRET); ?>
<script>
  window.Otklik = window.Otklik || { q: [] };
  Otklik.q.push(['identify', { id: '<?= $user->id ?>', hash: '<?= $hash ?>' }]);
</script>`,
  python: `import hashlib, hmac

digest = hmac.new(OTKLIK_SECRET.encode(), str(user.id).encode(), hashlib.sha256).hexdigest()`,
  node: `import { createHmac } from "node:crypto";

const hash = createHmac("sha256", OTKLIK_SECRET).update(String(user.id)).digest("hex");`,
} as const;

export function Identity({ site }: SectionProps): JSX.Element {
  const [language, setLanguage] = useState<keyof typeof SAMPLES>("php");
  return (
    <>
      <p class="remark">{t("admin.identity.why")}</p>
      <Pick
        label={t("admin.identity.mode")}
        value={site.identity}
        of={[
          ["off", t("admin.identity.off")],
          ["optional", t("admin.identity.optional")],
          ["required", t("admin.identity.required")],
        ]}
        help={t(`admin.identity.${site.identity}.help`)}
        onPick={(identity) => put("identity", identity)}
      />
      {site.identity === "off" ? null : (
        <>
          <SecretField secret={site.identity_secret} />
          <Pick
            label={t("admin.identity.sample")}
            value={language}
            of={[
              ["php", "PHP"],
              ["python", "Python"],
              ["node", "Node.js"],
            ]}
            onPick={setLanguage}
          />
          <pre class="code" tabIndex={0}>
            {SAMPLES[language]}
          </pre>
          <Copied text={SAMPLES[language]} />
        </>
      )}
    </>
  );
}

/** A secret is written and never read: what is kept is only said to be there. */
function SecretField({ secret }: { secret: SiteSettings["identity_secret"] }): JSX.Element {
  const was = kept.value?.settings.identity_secret;
  const there = typeof was === "object" && was.set;
  if (typeof secret === "object" && there)
    return (
      <div class="setting" data-place="identity_secret">
        <p class="field-name">{t("admin.identity.secret")}</p>
        <p class="secret-kept">
          <span>{t("admin.secret.kept")}</span>
          <button type="button" class="button" onClick={() => put("identity_secret", fresh())}>
            {t("admin.secret.replace")}
          </button>
        </p>
        {wrong("identity_secret") ? <p class="field-wrong">{wrong("identity_secret")}</p> : null}
      </div>
    );
  const value = typeof secret === "string" ? secret : "";
  return (
    <>
      <Text
        place="identity_secret"
        label={t("admin.identity.secret")}
        help={t("admin.identity.secret.help")}
        max={200}
        value={value}
        onInput={(text) => put("identity_secret", text.trim())}
      />
      <p class="steps">
        <button type="button" class="button" onClick={() => put("identity_secret", fresh())}>
          {t("admin.secret.make")}
        </button>
        {value ? <Copied text={value} /> : null}
        {there && was ? (
          <button type="button" class="button" onClick={() => put("identity_secret", was)}>
            {t("admin.secret.keep")}
          </button>
        ) : null}
      </p>
    </>
  );
}

function fresh(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_");
}

export function Sites({ site }: SectionProps): JSX.Element {
  const any = site.origins.includes("*");
  return (
    <>
      <Lines
        place="origins"
        label={t("admin.sites.origins")}
        help={t("admin.sites.origins.help")}
        example="https://example.com"
        read={originOf}
        value={site.origins}
        onInput={(origins) => put("origins", origins)}
      />
      {any ? <p class="remark warn">{t("admin.sites.any")}</p> : null}
      {site.origins.length === 0 ? <p class="remark warn">{t("admin.sites.none")}</p> : null}
    </>
  );
}
