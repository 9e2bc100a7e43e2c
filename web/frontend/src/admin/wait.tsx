import type { JSX } from "preact";
import { t } from "./words";

/** Stands for what is on its way; says so only to those who wait. */
export function Wait(): JSX.Element {
  return (
    <div class="admin-wait" aria-busy="true" role="status">
      <span>{t("admin.loading")}</span>
    </div>
  );
}
