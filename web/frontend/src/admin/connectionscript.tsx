import type { JSX } from "preact";
import { CallTest } from "./calltest";
import { phoneOf } from "./checks";
import { Pick } from "./fields";
import { Shown } from "./phoneline";
import type { Script } from "./script";
import { ScriptForm } from "./scriptform";
import type { Terms } from "./terms";
import { trunkFor, useTrunks } from "./trunks";
import { t } from "./words";

interface OwnProps {
  terms: Terms;
  /** The project's. */
  usual: Script;
  /** Empty for one that is not kept yet. */
  id: string;
  fields: string[];
  put: (change: Partial<Terms>) => void;
}

/** How forms of this connection are called: as the project does it, or by a scenario of its own. */
export function ConnectionScript({ terms, usual, id, fields, put }: OwnProps): JSX.Element {
  const known = useTrunks();
  const { script } = terms;
  const trunk = trunkFor(script ?? usual);
  return (
    <>
      <Shown
        place="shown"
        trunk={trunk}
        value={terms.shown}
        label={t("admin.links.shown")}
        otherwise={t("admin.script.own.project")}
        onPut={(shown) => put({ shown })}
      />
      <h2>{t("admin.script")}</h2>
      <Pick
        label={t("admin.script.own")}
        value={script ? "own" : "project"}
        of={[
          ["project", t("admin.script.own.project")],
          ["own", t("admin.script.own.own")],
        ]}
        help={t(script ? "admin.script.own.own.help" : "admin.script.own.project.help")}
        onPick={(which) => put({ script: which === "project" ? null : (script ?? usual) })}
      />
      {script ? (
        <>
          <ScriptForm
            place="script"
            script={script}
            trunk={trunk}
            names={known ? [...known.variables, ...fields] : null}
            onPut={(next) => put({ script: next })}
          />
          {trunk ? (
            <CallTest
              trunk={trunk}
              script={script}
              connection={id}
              {...(terms.shown ? { shown: phoneOf(terms.shown) } : {})}
            />
          ) : null}
        </>
      ) : null}
    </>
  );
}
