import type { Say } from "../texts";
import { ICON, make, round } from "./make";
import { meant } from "./pages";
import type { Shelf } from "./shelf";
import type { Config } from "./wire";

const SHOWN = "invited";
const HOUR = 3_600_000;

interface Asks {
  /** Whether the visitor is busy with the chat already, so that nobody need be invited. */
  busy: () => boolean;
  open: () => void;
  shown: () => void;
}

/** A few words beside the launcher after a while on certain pages, once in so many hours. */
export class Invite {
  readonly element = make("div", "invite");
  private timer = 0;

  constructor(
    private readonly say: Say,
    private readonly invite: NonNullable<Config["invite"]>,
    private readonly shelf: Shelf,
    private readonly asks: Asks,
  ) {
    this.element.hidden = true;
  }

  /** Begins to count on the page that is shown now. */
  wait(): void {
    clearTimeout(this.timer);
    const { pages, after_seconds, enabled } = this.invite;
    if (enabled === false) return;
    if (pages?.length && !meant(pages, location.href)) return;
    this.timer = window.setTimeout(() => this.show(), Math.max(1, after_seconds) * 1_000);
  }

  hide(): void {
    clearTimeout(this.timer);
    this.element.hidden = true;
  }

  private show(): void {
    const hours = this.invite.once_hours ?? 24;
    // Another tab may have invited meanwhile; a clock that was set back does not hold it for ever.
    const apart = Math.abs(Date.now() - Number(this.shelf.get(SHOWN) ?? 0));
    if (this.asks.busy() || apart < hours * HOUR) return;
    if (document.visibilityState !== "visible") {
      this.timer = window.setTimeout(() => this.show(), 1_000);
      return;
    }
    this.shelf.set(SHOWN, String(Date.now()));
    this.draw();
    this.asks.shown();
  }

  /** Shows it at once. */
  draw(): void {
    const text = this.invite.text || this.say("widget.invite.text");
    const words = make("button", "words", text);
    words.type = "button";
    words.dir = "auto";
    words.setAttribute("aria-label", `${text} — ${this.say("widget.invite.answer")}`);
    words.addEventListener("click", () => {
      this.hide();
      this.asks.open();
    });
    const close = round(this.say("widget.invite.close"), ICON.cross, () => this.hide());
    this.element.replaceChildren(words, close);
    this.element.setAttribute("role", "status");
    this.element.hidden = false;
  }
}
