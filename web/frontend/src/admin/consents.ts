// The boxes of a site that are to be ticked before a phone is taken, as its pages get them.
import { project, projects } from "../inbox/rows";
import type { Config } from "../widget/wire";
import type { ConsentText, SiteSettings } from "./wire";
import { t } from "./words";

export type Purpose = ConsentText["purpose"];

export const PURPOSES: readonly Purpose[] = ["processing", "transfer", "advertising"];

/** What a box says where the site has no words of its own. */
export const usual = (purpose: Purpose): string =>
  t(`consent.${purpose}`, { name: projects.value.find((one) => one.id === project.value)?.name ?? "" });

type Box = NonNullable<Config["consents"]>[number];

/** A box in the site's words, or in the product's where it has none. */
function box(site: SiteSettings, purpose: Purpose): Box {
  const own = site.consents.find((one) => one.purpose === purpose);
  return {
    purpose,
    text: own?.text || usual(purpose),
    url: own?.url ?? "",
    version: "preview",
    required: own?.required || purpose === "processing",
  };
}

/** Processing is asked for first wherever a phone is taken, the others where the site wants them. */
export function asked(site: SiteSettings): Box[] {
  const wanted = PURPOSES.filter((each) => site.consents.some((one) => one.purpose === each));
  return [...new Set<Purpose>(["processing", ...wanted])].map((each) => box(site, each));
}

/** Whoever is to be sent offers ticks both. */
export function agreed(site: SiteSettings): Box[] {
  return (["processing", "advertising"] as const).map((each) => ({ ...box(site, each), required: true }));
}
