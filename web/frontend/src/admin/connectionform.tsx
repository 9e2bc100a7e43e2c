import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { Refused } from "../inbox/api";
import { Empty } from "../inbox/parts";
import { goTo } from "../inbox/route";
import { project as here } from "../inbox/rows";
import { ConnectionTrial } from "./connectiontrial";
import { CONNECTIONS, type Connection, addressOf, connecting } from "./connecting";
import { ConnectionScript } from "./connectionscript";
import { Conditions, Offsets, Parameters, Planning } from "./connectionrows";
import { placeOf } from "./draft";
import { refused } from "./editing";
import { Count, Frame, Lines, Pick, Switch, Text } from "./fields";
import { Bar, DropButton, justSaved } from "./savebar";
import { type Sources, type Terms, blank, tidy } from "./terms";
import { Wait } from "./wait";
import { first, t } from "./words";

/** One connection: which forms it takes, what it makes of them, and a form to try it on. */
export function ConnectionForm({ id }: { id: string }): JSX.Element {
  const [sources, setSources] = useState<Sources | null>(null);
  const [kept, setKept] = useState<Connection | null>(null);
  const [terms, setTerms] = useState<Terms | null>(null);
  const [trouble, setTrouble] = useState<"" | "admin.missing" | "admin.failed">("");
  const [busy, setBusy] = useState(false);
  const key = useRef(freshKey());
  const project = here.value;

  const read = async (): Promise<void> => {
    setTrouble("");
    try {
      const [all, one] = await Promise.all([
        connecting.sources(project),
        id ? connecting.get(project, id) : null,
      ]);
      setSources(all);
      setKept(one);
      setTerms(one ? one.terms : blank(all));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(error.problem.status === 404 ? "admin.missing" : "admin.failed");
    }
  };
  useEffect(() => {
    refused.value = null;
    void read();
    return () => {
      refused.value = null;
    };
  }, []);

  if (trouble)
    return (
      <Empty title={t(trouble)}>
        <button type="button" class="button" onClick={() => void read()}>
          {t("admin.again")}
        </button>
      </Empty>
    );
  if (!sources || !terms) return <Wait />;

  const before = kept ? kept.terms : blank(sources);
  const unsaved = JSON.stringify(tidy(terms)) !== JSON.stringify(tidy(before));
  const put = (change: Partial<Terms>): void => {
    setTerms({ ...terms, ...change });
    justSaved.value = "";
    const [part = ""] = refused.value?.place.split(".") ?? [];
    if (part in change) refused.value = null;
  };
  const save = async (): Promise<void> => {
    const wanted = tidy(terms);
    if (!wanted.name) {
      refused.value = { place: "name", words: t("admin.links.wrong.name") };
      return;
    }
    setBusy(true);
    refused.value = null;
    try {
      const now = kept
        ? await connecting.change(project, kept.id, kept.rev, wanted)
        : await connecting.add(project, key.current, wanted);
      setKept(now);
      setTerms(now.terms);
      justSaved.value = now.id;
      if (!id) goTo(addressOf(now.id));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, field } = error.problem;
      refused.value = {
        place: field ? placeOf(field).replace(/^terms\./, "") : "form",
        words: first(`error.${code}`, "admin.wrong.value"),
      };
    }
    setBusy(false);
  };
  const drop = async (): Promise<void> => {
    if (!kept) return;
    try {
      await connecting.drop(project, kept.id, kept.rev);
      goTo(CONNECTIONS);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refused.value = { place: "form", words: first(`error.${error.problem.code}`, "error.refused") };
    }
  };

  return (
    <div class="setup connections">
      <div class="setup-main">
        <header class="admin-head">
          <a class="link" href={CONNECTIONS}>
            {t("admin.room.connections")}
          </a>
          <h1 class="site-title">{terms.name || t("admin.links.new")}</h1>
        </header>
        <div class="link-form">
          <div>
            <TermFields terms={terms} kept={kept} sources={sources} put={put} />
            {kept ? (
              <div class="adds">
                <DropButton words={t("admin.links.drop")} onDrop={() => void drop()} />
              </div>
            ) : null}
          </div>
          <ConnectionTrial id={kept?.id ?? ""} terms={tidy(terms)} />
        </div>
      </div>
      <Bar
        unsaved={unsaved}
        saved={kept !== null && justSaved.value === kept.id}
        busy={busy}
        onDrop={() => {
          setTerms(before);
          refused.value = null;
        }}
        onSave={() => void save()}
      />
    </div>
  );
}

interface TermsProps {
  terms: Terms;
  kept: Connection | null;
  sources: Sources;
  put: (change: Partial<Terms>) => void;
}

function TermFields({ terms, kept, sources, put }: TermsProps): JSX.Element {
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
