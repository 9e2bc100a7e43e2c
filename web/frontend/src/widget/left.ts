import { freshKey } from "../keys";
import type { Say } from "../texts";
import { allRight, Consents, Question } from "./form";
import { make, worded } from "./make";
import type { Answer } from "./live";
import { here, zone } from "./visit";
import type { Config, Kind } from "./wire";

export interface Leaves {
  /** Whether the number is to be asked for before a messenger is opened. */
  asksPhone: () => boolean;
  /** The number was left, or its question was passed over: it is not asked again. */
  passed: () => void;
  ask: (frame: { key: string; t: string } & Record<string, unknown>) => Promise<Answer>;
}

/** Asks for a phone on the way to a messenger; the way is open without one too. */
export function leaving(
  say: Say,
  config: Config,
  kind: Kind,
  name: string,
  asks: Leaves,
  go: () => void,
): HTMLFormElement {
  const field = { name: "phone", label: say("widget.left.phone"), kind: "phone", required: true } as const;
  const phone = new Question(say, field);
  const consents = new Consents(say, config.consents ?? []);
  const trouble = make("p", "wrong");
  trouble.setAttribute("role", "alert");
  const submit = make("button", "strong", say("widget.left.go", { name }));
  submit.type = "submit";
  let gone = false;
  const on = (): void => {
    // The question may be passed over while the number is on its way.
    if (gone) return;
    gone = true;
    asks.passed();
    go();
  };
  const form = make(
    "form",
    "form left",
    make("p", "lead", say("widget.left.lead", { name })),
    phone.element,
    consents.element,
    trouble,
    submit,
    worded(say("widget.left.skip"), on, "skip"),
  );
  form.noValidate = true;
  form.setAttribute("aria-label", say("widget.left.go", { name }));
  let busy = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trouble.textContent = "";
    if (busy || !allRight([phone], consents)) return;
    busy = true;
    const frame = { t: "left", key: freshKey(), phone: phone.value, messenger: kind };
    void asks.ask({ ...frame, zone: zone(), given: consents.given, page: here() }).then((answer) => {
      busy = false;
      if (answer.ok) on();
      else if (answer.code === "phone" || answer.field === "phone") {
        phone.complain(say("widget.form.phone"));
        phone.input.focus();
      } else if (answer.code === "consent_required") trouble.textContent = say("widget.consent.needed");
      // What the hub does not take keeps nobody from the messenger.
      else on();
    });
  });
  window.setTimeout(() => phone.input.focus());
  return form;
}
