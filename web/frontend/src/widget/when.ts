import type { Say } from "../texts";

/** Times in the visitor's words; what day it is, is told by the hub's clock. */
export class When {
  constructor(
    private readonly say: Say,
    private readonly lang: string,
    private readonly now: () => number,
  ) {}

  clock(at: string): string {
    return this.format(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  }

  /** "Today", "Yesterday" or a date, for a line between two days. */
  day(at: string): string {
    const days = this.away(at);
    if (days === 0) return this.say("widget.today");
    if (days === -1) return this.say("widget.yesterday");
    const old = new Date(at).getFullYear() !== new Date(this.now()).getFullYear();
    return this.format(at, { day: "numeric", month: "long", ...(old ? { year: "numeric" } : {}) });
  }

  /** "today at 15:00", "tomorrow at 09:00", "Monday, 24 November at 09:00". */
  moment(at: string): string {
    const clock = this.clock(at);
    const days = this.away(at);
    if (days === 0) return this.say("widget.when.today", { clock });
    if (days === 1) return this.say("widget.when.tomorrow", { clock });
    const day = this.format(at, { weekday: "long", day: "numeric", month: "long" });
    return this.say("widget.when.day", { day, clock });
  }

  /** The name of a day that is given as 2026-11-23. */
  date(date: string): string {
    const noon = `${date}T12:00:00`;
    const days = this.away(noon);
    if (days === 0) return this.say("widget.today");
    if (days === 1) return this.say("widget.tomorrow");
    return this.format(noon, { weekday: "short", day: "numeric", month: "long" });
  }

  isToday(at: string): boolean {
    return this.away(at) === 0;
  }

  private away(at: string): number {
    const start = (time: number | string): number => new Date(time).setHours(0, 0, 0, 0);
    return Math.round((start(at) - start(this.now())) / 86_400_000);
  }

  private format(at: string, how: Intl.DateTimeFormatOptions): string {
    return new Intl.DateTimeFormat(this.lang === "en" ? "en-GB" : "ru", how).format(new Date(at));
  }
}
