import type { Say } from "../texts";
import { allRight, Consents, Question } from "./form";
import { make } from "./make";
import type { Config, Given } from "./wire";

/** The questions that a project asks before the first message. */
export class Prechat {
  readonly element = make("form", "card form");
  private readonly questions: Question[];
  private readonly consents: Consents | null;

  constructor(
    say: Say,
    config: Config,
    known: Record<string, string>,
    answered: (fields: Record<string, string>, given: Given[]) => void,
  ) {
    const fields = config.prechat?.fields ?? [];
    this.questions = fields.map((field) => new Question(say, field, known[field.name] ?? ""));
    const personal = fields.some((field) => field.kind === "phone" || field.kind === "email");
    this.consents = personal && config.consents?.length ? new Consents(say, config.consents) : null;
    const submit = make("button", "strong", say("widget.prechat.start"));
    submit.type = "submit";
    this.element.noValidate = true;
    this.element.setAttribute("aria-label", say("widget.prechat.title"));
    this.element.append(make("h3", "", say("widget.prechat.title")));
    this.element.append(...this.questions.map((question) => question.element));
    if (this.consents) this.element.append(this.consents.element);
    this.element.append(submit);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!allRight(this.questions, this.consents)) return;
      const told = this.questions.filter(({ value }) => value);
      answered(
        Object.fromEntries(told.map(({ field, value }) => [field.name, value])),
        this.consents?.given ?? [],
      );
    });
  }

  /** Says at once what is missing. */
  complain(): void {
    for (const question of this.questions) question.check();
  }

  focus(): void {
    this.questions[0]?.input.focus();
  }
}
