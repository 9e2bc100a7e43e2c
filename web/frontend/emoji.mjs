// Resolves the import "emoji-data" to [emoji, group, words in both languages], without skin tones.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const find = createRequire(import.meta.url).resolve;
/** Newer ones are still squares on many machines. */
const NEWEST = 14;

async function table(lang) {
  return JSON.parse(await readFile(find(`emojibase-data/${lang}/data.json`), "utf8"));
}

export function emoji() {
  return {
    name: "emoji",
    setup(hooks) {
      hooks.onResolve({ filter: /^emoji-data$/ }, () => ({ path: "emoji-data", namespace: "emoji" }));
      hooks.onLoad({ filter: /.*/, namespace: "emoji" }, async () => {
        const [en, ru] = await Promise.all([table("en"), table("ru")]);
        const russian = new Map(ru.map((one) => [one.hexcode, one]));
        const words = (one) => [one?.label ?? "", ...(one?.tags ?? [])];
        const rows = en
          .filter((one) => one.group !== undefined && one.group !== 2 && one.version <= NEWEST)
          .sort((a, b) => a.order - b.order)
          .map((one) => {
            const all = [...words(one), ...words(russian.get(one.hexcode))];
            const known = new Set(all.join(" ").toLowerCase().replaceAll("ё", "е").split(/[\s,]+/));
            return [one.emoji, one.group, [...known].join(" ")];
          });
        return { contents: JSON.stringify(rows), loader: "json" };
      });
    },
  };
}
