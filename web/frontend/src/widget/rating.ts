import type { Say } from "../texts";
import { fresh, ICON, make, worded } from "./make";
import { icon } from "./style";

export type Score = "good" | "bad" | "none";

/** How it was, asked once after a dialog was closed. */
export class Rating {
  readonly element = make("form", "card rating");

  constructor(say: Say, rate: (score: Score, text: string) => void) {
    const question = make("h3", "", say("widget.rating.question"));
    question.id = fresh("rating");
    const marks = make("div", "marks");
    const comment = make("textarea");
    comment.rows = 2;
    comment.maxLength = 1_000;
    comment.placeholder = say("widget.rating.comment");
    comment.setAttribute("aria-label", say("widget.rating.comment"));
    const submit = make("button", "strong", say("widget.rating.send"));
    submit.type = "submit";
    const later = make("div", "later", comment, submit);
    later.hidden = true;
    let score: Score = "none";
    const buttons = (["good", "bad"] as const).map((each) => {
      const button = worded(say(`widget.rating.${each}`), () => {
        score = each;
        for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
        later.hidden = false;
        comment.focus();
      });
      button.className = "mark";
      button.setAttribute("aria-pressed", "false");
      button.prepend(icon(ICON[each]));
      return button;
    });
    marks.append(...buttons, worded(say("widget.rating.skip"), () => rate("none", "")));
    this.element.setAttribute("aria-labelledby", question.id);
    this.element.append(question, marks, later);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      rate(score, comment.value.trim());
    });
  }
}
