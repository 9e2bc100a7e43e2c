import type { JSX } from "preact";
import { calls } from "./calls";
import { ConnectionTrial } from "./connectiontrial";
import { type Connection, addressOf, connecting } from "./connecting";
import { ConnectionScript } from "./connectionscript";
import { Conditions, Offsets, Parameters, Planning } from "./connectionrows";
import { Drafting, type Kind } from "./drafting";
import { Count, Frame, Lines, Pick, Switch, Text } from "./fields";
import type { Script } from "./script";
import { type Sources, type Terms, blank, tidy } from "./terms";
import { first, t } from "./words";

interface Known {
  sources: Sources;
  /** How the project calls, where a connection has nothing of its own. */
  usual: Script;
}

const KIND: Kind<Connection, Terms, Known> = {
  room: "connections",
  name: "connection",
  part: "terms",
  words: { new: "admin.links.new", nameless: "admin.links.wrong.name", drop: "admin.links.drop" },
  addressOf,
  read: async (project, id) => {
    const [sources, { calling }, kept] = await Promise.all([
      connecting.sources(project),
      calls.project(project),
      id ? connecting.get(project, id) : null,
    ]);
    return [{ sources, usual: calling.script }, kept];
  },
  blank: ({ sources }) => blank(sources),
  draftOf: ({ terms }) => terms,
  tidy,
  add: connecting.add,
  change: (project, { id, rev }, terms) => connecting.change(project, id, rev, terms),
  drop: (project, { id, rev }) => connecting.drop(project, id, rev),
};

/** One connection: which forms it takes, what it makes of them, and a form to try it on. */
export function ConnectionForm({ id }: { id: string }): JSX.Element {
  return (
    <Drafting id={id} kind={KIND}>
      {({ draft, known, kept, put, dropping }) => (
        <>
          <div>
            <TermFields terms={draft} kept={kept} {...known} put={put} />
            {dropping ? <div class="adds">{dropping}</div> : null}
          </div>
          <ConnectionTrial id={kept?.id ?? ""} terms={tidy(draft)} />
        </>
      )}
    </Drafting>
  );
}

interface TermsProps extends Known {
  terms: Terms;
  kept: Connection | null;
  put: (change: Partial<Terms>) => void;
}

function TermFields({ terms, kept, sources, usual, put }: TermsProps): JSX.Element {
  const source = sources.items.find((one) => one.source === terms.source);
  const become = (to: string): void => {
    const next = sources.items.find((one) => one.source === to);
    put({
      source: to,
      phone_field: next?.phone_field ?? "",
      conditions: terms.conditions.filter(({ by }) => next?.conditions.includes(by)),
    });
  };
  return (
    <>
      <Text place="name" label={t("admin.links.name")} max={200} value={terms.name} onInput={(name) => put({ name })} />
      <Switch label={t("admin.links.active")} value={terms.active} onTurn={(active) => put({ active })} />
      <div class="pair">
        <Frame place="source" label={t("admin.links.source")}>
          {(ties) => (
            <select {...ties} value={terms.source} onChange={(event) => become(event.currentTarget.value)}>
              {sources.items.map((one) => (
                <option key={one.source} value={one.source}>
                  {first(`admin.source.${one.source}`, one.source)}
                </option>
              ))}
            </select>
          )}
        </Frame>
        <Count
          place="priority"
          label={t("admin.links.priority")}
          help={t("admin.links.priority.help")}
          min={0}
          max={1000}
          unit=""
          value={terms.priority}
          onInput={(priority) => put({ priority })}
        />
      </div>
      <Text
        place="object_id"
        label={t("admin.links.object")}
        help={t("admin.links.object.help")}
        max={200}
        short
        value={terms.object_id}
        onInput={(object_id) => put({ object_id })}
      />
      <Pick
        label={t("admin.links.handling")}
        value={terms.handling}
        of={[
          ["callback", t("admin.links.handling.callback")],
          ["register", t("admin.links.handling.register")],
        ]}
        help={t(`admin.links.handling.${terms.handling}.help`)}
        onPick={(handling) => put({ handling })}
      />

      <h2>{t("admin.links.conditions")}</h2>
      <p class="remark">{t("admin.links.conditions.why")}</p>
      <Conditions all={terms.conditions} of={source?.conditions ?? []} onPut={(conditions) => put({ conditions })} />

      <h2>{t("admin.links.call")}</h2>
      <Text
        place="phone_field"
        label={t("admin.links.phone_field")}
        help={t("admin.links.phone_field.help")}
        max={100}
        short
        value={terms.phone_field ?? ""}
        onInput={(phone_field) => put({ phone_field })}
      />
      <h3 class="field-name">{t("admin.links.planning")}</h3>
      <p class="remark">{t("admin.links.planning.why")}</p>
      <Planning rows={terms.planning} kept={kept} onPut={(planning) => put({ planning })} />
      <h3 class="field-name">{t("admin.links.offsets")}</h3>
      <p class="remark">{t("admin.links.offsets.why")}</p>
      <Offsets all={terms.offsets} onPut={(offsets) => put({ offsets })} />
      <Lines
        place="numbers"
        label={t("admin.links.numbers")}
        help={t("admin.links.numbers.help")}
        example="+74951234567"
        value={terms.numbers}
        onInput={(numbers) => put({ numbers })}
      />
      <ConnectionScript
        terms={terms}
        usual={usual}
        id={kept?.id ?? ""}
        fields={[...sources.variables, ...(source?.fields ?? [])]}
        put={put}
      />

      <h2>{t("admin.links.parameters")}</h2>
      <p class="remark">
        {t("admin.links.parameters.why", {
          names: [...sources.variables, ...(source?.fields ?? [])].map((one) => `$${one}$`).join(" "),
        })}
      </p>
      <Parameters terms={terms} sources={sources} unknown={kept?.unknown ?? {}} put={put} />
    </>
  );
}
