import { signal } from "@preact/signals";

const phone = matchMedia("(max-width: 899px)");

/** Whether list and thread take turns, as on a phone. */
export const compact = signal(phone.matches);
phone.addEventListener("change", () => {
  compact.value = phone.matches;
});
