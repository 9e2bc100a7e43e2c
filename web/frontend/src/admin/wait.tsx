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

interface MissingProps {
  title: string;
  /** Where what there is can be found, and how that is called. */
  to: string;
  words: string;
}

/** Stands for what is not there, however often one asks, with the way to what is. */
export function Missing({ title, to, words }: MissingProps): JSX.Element {
  return (
    <Empty title={title}>
      <a class="button" href={to}>
        {words}
      </a>
    </Empty>
  );
}

/** No channel has this address. */
export const NoChannel = (): JSX.Element => (
  <Missing title={t("admin.missing")} to="#/admin" words={t("admin.to_channels")} />
);
