import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty } from "./parts";
import { t } from "./settings";

/** A part that is fetched when it is first shown; a failed fetch can be repeated by a reload. */
export function lazy<P extends object, N extends string>(
  load: () => Promise<Record<N, ComponentType<P>>>,
  name: N,
): ComponentType<P> {
  let found: ComponentType<P> | null = null;
  return function Lazy(props: P): JSX.Element | null {
    const [state, setState] = useState<"loading" | "ready" | "failed">(found ? "ready" : "loading");
    useEffect(() => {
      let here = true;
      // It may have come between the first drawing and this, asked for by another place.
      if (found) setState("ready");
      else
        load().then(
          (part) => {
            found = part[name];
            if (here) setState("ready");
          },
          () => {
            if (here) setState("failed");
          },
        );
      return () => {
        here = false;
      };
    }, []);
    if (found) {
      const Part = found;
      return <Part {...props} />;
    }
    return state === "failed" ? <Missing /> : null;
  };
}

/** A part that cannot be had is most often one of a version that is no longer served. */
function Missing(): JSX.Element {
  return (
    <Empty title={t("inbox.part_missing")}>
      <button type="button" class="button" onClick={() => location.reload()}>
        {t("inbox.reload")}
      </button>
    </Empty>
  );
}
