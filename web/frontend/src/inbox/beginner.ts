import { computed } from "@preact/signals";
import { counts, listed, project, role } from "./rows";

/** Whether made-up dialogs are in the list, which an administrator may take away. */
export const examples = computed(
  () =>
    role.value === "admin" &&
    listed.value.some((row) => row.channel === `${project.value}-examples`),
);

/** Whether an administrator sees a product without dialogs, or with examples in it. */
export const beginner = computed(
  () => role.value === "admin" && (counts.value?.all.n === 0 || examples.value),
);
