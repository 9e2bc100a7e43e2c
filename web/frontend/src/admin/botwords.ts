// What the bot says of its own where nobody wrote other words.
import texts from "catalogue";
import { project, projects } from "../inbox/rows";
import { type Key, speak } from "../texts";

/** The product's words, in the language in which the project speaks. */
export function ours(key: Key): string {
  const found = projects.value.find(({ id }) => id === project.value);
  return speak(texts, found?.lang === "en" ? "en" : "ru")(key, { name: found?.name ?? "" });
}
