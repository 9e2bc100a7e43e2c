import { safe } from "../links";
import type { Key, Say } from "../texts";
import { fresh, link, make } from "./make";
import { isPhone } from "./phone";
import type { Consent, Field, Given } from "./wire";

/** One question with its name above, and what is wrong with the answer below. */
export class Question {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement | HTMLSelectElement;
  private readonly wrong = make("p", "wrong");

  constructor(
    private readonly say: Say,
    readonly field: Field,
    value = "",
  ) {
    const id = fresh("field");
    this.input = field.kind === "select" ? choice(field, say) : written(field);
    this.input.id = id;
    this.input.value = value;
    this.input.required = field.required;
    this.wrong.id = `${id}-wrong`;
    const label = make("label", "", field.label || usual(field.name, say));
    if (!field.required) label.append(make("span", "optional", ` ${say("widget.optional")}`));
    label.htmlFor = id;
    label.dir = "auto";
    this.input.addEventListener("input", () => this.complain(""));
    this.element = make("div", "question", label, this.input, this.wrong);
  }

  get value(): string {
    return this.input.value.trim();
  }

  complain(words: string): void {
    if (this.wrong.textContent === words) return;
    this.wrong.textContent = words;
    this.input.setAttribute("aria-invalid", String(words !== ""));
    if (words) this.input.setAttribute("aria-describedby", this.wrong.id);
    else this.input.removeAttribute("aria-describedby");
  }

  /** Whether the answer may be sent; says what is wrong if not. */
  check(): boolean {
    const { value, field, say } = this;
    if (!value) this.complain(field.required ? say("widget.form.required") : "");
    else if (field.kind === "phone" && !isPhone(value)) this.complain(say("widget.form.phone"));
    else if (field.kind === "email" && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value))
      this.complain(say("widget.form.email"));
    else this.complain("");
    return !this.wrong.textContent;
  }
}

/** What the fields that every project has are called, where it gave them no name of its own. */
function usual(name: string, say: Say): string {
  return ["name", "phone", "email"].includes(name) ? say(`widget.field.${name}` as Key) : name;
}

function written(field: Field): HTMLInputElement {
  const input = make("input");
  input.type = { phone: "tel", email: "email", text: "text" }[field.kind as "text"] ?? "text";
  input.maxLength = 500;
  const known: Record<string, AutoFill> = { name: "name", phone: "tel", email: "email" };
  input.autocomplete = known[field.kind] ?? known[field.name] ?? "off";
  if (field.kind === "phone") input.placeholder = "+7 912 345-67-89";
  if (field.kind === "text") input.dir = "auto";
  return input;
}

function choice(field: Field, say: Say): HTMLSelectElement {
  const select = make("select");
  select.append(new Option(say("widget.form.choose"), ""));
  for (const option of field.options ?? []) select.append(new Option(option, option));
  return select;
}

/** The boxes a person ticks by hand before anything of theirs is taken. */
export class Consents {
  readonly element = make("div", "consents");
  private readonly boxes: { box: HTMLInputElement; consent: Consent; wrong: HTMLElement }[] = [];

  constructor(
    private readonly say: Say,
    consents: Consent[],
  ) {
    for (const consent of consents) {
      const box = make("input");
      box.type = "checkbox";
      box.id = fresh("consent");
      const label = make("label", "", consent.text);
      label.htmlFor = box.id;
      label.dir = "auto";
      const wrong = make("p", "wrong");
      wrong.id = `${box.id}-wrong`;
      const address = consent.url ? safe(consent.url) : undefined;
      const row = make("div", "consent", box, make("div", "", label));
      if (address) {
        const whole = link(address, "", say("widget.consent.read"));
        whole.setAttribute("aria-label", `${say("widget.consent.read")}: ${consent.text}`);
        label.after(" ", whole);
      }
      box.required = consent.required;
      box.setAttribute("aria-describedby", wrong.id);
      box.addEventListener("change", () => (wrong.textContent = ""));
      this.boxes.push({ box, consent, wrong });
      this.element.append(row, wrong);
    }
  }

  get given(): Given[] {
    return this.boxes
      .filter(({ box }) => box.checked)
      .map(({ consent }) => ({ purpose: consent.purpose, version: consent.version }));
  }

  check(): boolean {
    for (const { box, consent, wrong } of this.boxes)
      wrong.textContent = consent.required && !box.checked ? this.say("widget.consent.needed") : "";
    return this.boxes.every(({ wrong }) => !wrong.textContent);
  }

  focus(): void {
    this.boxes.find(({ wrong }) => wrong.textContent)?.box.focus();
  }
}

/** Shows every mistake and goes to the first. */
export function allRight(questions: Question[], consents: Consents | null): boolean {
  const wrong = questions.filter((question) => !question.check());
  const agreed = consents?.check() ?? true;
  if (wrong[0]) wrong[0].input.focus();
  else if (!agreed) consents?.focus();
  return !wrong.length && agreed;
}
