import type { JSX } from "preact";
import { Empty } from "../inbox/parts";
import { t } from "./words";

/** Stands for what is on its way; says so only to those who wait. */
export function Wait(): JSX.Element {
  return (
    <div class="admin-wait" aria-busy="true" role="status">
      <span>{t("admin.loading")}</span>
    </div>
  );
}

/** Stands for what could not be read, with a button to try again. */
export function Failed({ title, onAgain }: { title?: string; onAgain: () => void }): JSX.Element {
  return (
    <Empty title={title ?? t("admin.failed")}>
      <button type="button" class="button" onClick={onAgain}>
        {t("admin.again")}
      </button>
    </Empty>
  );
}
