import { signal } from "@preact/signals";

/** What lies over the inbox: it is fetched when it is first asked for. */
export const shown = signal<"palette" | "help" | "more" | null>(null);
