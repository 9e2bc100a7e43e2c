import type english from "../../../hub/texts/en.json";

export type Lang = "ru" | "en";
export type Key = keyof typeof english;
type Sentence = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Texts = Record<Lang, Record<string, Sentence>>;
export type Values = Record<string, string | number>;
export type Say = (key: Key, values?: Values) => string;

/** A sayer of the given sentences; a sentence with plural forms chooses by the value `n`. */
export function speak(texts: Texts, lang: Lang): Say {
  const rules = new Intl.PluralRules(lang);
  return (key, values = {}) => {
    const sentence = texts[lang][key] ?? key;
    const form =
      typeof sentence === "string"
        ? sentence
        : (sentence[rules.select(Number(values.n))] ?? sentence.other ?? key);
    return form.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}

/** Whether the sentence exists, for keys that the server completes. */
export function knows(texts: Texts, key: string): key is Key {
  return key in texts.en;
}
