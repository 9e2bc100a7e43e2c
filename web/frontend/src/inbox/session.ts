import { batch, signal } from "@preact/signals";
import { Refused, api, csrf, whenSignedOut } from "./api";
import { learnCalls, reloadCalls } from "./calls";
import * as company from "./company";
import { hear as hearCall, missed as missedCalls } from "./callsheard";
import { forgetTyped, unsaved } from "./leave";
import { hear as hearLead, missed } from "./leadsheard";
import * as live from "./live";
import * as outbox from "./outbox";
import * as reading from "./reading";
import { ring } from "./ringing";
import * as rows from "./rows";
import { me, project } from "./rows";
import { lang, presence } from "./settings";
import { onTabs, tellTabs } from "./tabs";
import * as troubles from "./trouble";
import type { Dialog, Entry, Event, Me } from "./wire";

export type Phase = "starting" | "sign-in" | "password" | "inside" | "unreachable";

/** Set while the operator put off a password of their own, so that a reload does not ask again. */
const LATER = "otklik.password-later";

export const phase = signal<Phase>("starting");

/** Lines after which more is known of the person than the dialog's row says. */
const ABOUT = new Set(["refused", "joined"]);

/** What came and is not yet on the screen. */
let heard: Event[] = [];
let frame = 0;
let timer = 0;

/** What the socket says: a burst of it is one change of the screen, at its next frame. */
function hear(event: Event): void {
  heard.push(event);
  if (heard.length > 1) return;
  frame = requestAnimationFrame(digest);
  // A tab that is hidden, or was hidden just now, is drawn no frames; its sounds and counters go on.
  timer = window.setTimeout(digest, 100);
}

function digest(): void {
  cancelAnimationFrame(frame);
  clearTimeout(timer);
  const events = heard;
  heard = [];
  const dialogs: Dialog[] = [];
  const entries: Entry[] = [];
  for (const event of events)
    if (event.event === "dialog.changed") {
      dialogs.push(event.dialog);
      entries.push(...event.entries);
    } else if (event.event === "entry.changed") entries.push(event.entry);
  batch(() => {
    rows.learn(dialogs);
    if (entries.length) reading.learnEntries(entries);
    for (const event of events) mark(event);
  });
  if (dialogs.some((dialog) => dialog.project === project.value)) rows.loadCounts();
  for (const id of new Set(dialogs.map((dialog) => dialog.id))) void reading.heal(id);
  events.forEach(ring);
}

function mark(event: Event): void {
  switch (event.event) {
    case "dialog.changed":
      if (event.entries.some((entry) => entry.kind === "in")) reading.stopTyping(event.dialog.id);
      if (event.entries.some((entry) => entry.author.kind === "operator"))
        company.stopWriting(event.dialog.id);
      if (!event.entries.length || event.entries.some(({ verb }) => ABOUT.has(verb ?? "")))
        void reading.meet(event.dialog.id);
      else reading.meetPhone(event.dialog);
      break;
    case "visitor.typing":
      reading.showTyping(event.dialog, "");
      break;
    case "operator.typing":
      if (event.operator !== me.value?.operator.id)
        company.showWriting(event.dialog, event.name);
      break;
    case "operator.looking":
      company.showLooking(event);
      break;
    case "presence.changed":
      rows.appear(event.operator, event.presence);
      break;
    case "lead.changed":
      hearLead(event.lead);
      break;
    case "call.changed":
      if (event.project === project.value) learnCalls([event.call]);
      hearCall(event.call);
      break;
    case "channel.told":
      troubles.learn(event);
      break;
    case "entry.changed":
      break;
  }
}

/** Reads again everything that is on the screen. */
function reload(): void {
  rows.reload();
  troubles.reload();
  reading.reread();
  reloadCalls();
  missed();
  missedCalls();
  outbox.flush();
}

/** Lets the operator in, or shows what is to be done first. */
export function enter(who: Me): void {
  const known = localStorage.getItem("otklik.project");
  const mine = who.memberships.map((membership) => membership.project.id);
  batch(() => {
    csrf.value = who.csrf;
    lang.value = who.operator.lang;
    rows.welcome(who, mine.find((id) => id === known) ?? mine[0] ?? "");
    phase.value = who.must_set_password && !localStorage.getItem(LATER) ? "password" : "inside";
  });
  if (phase.value === "inside") begin();
}

/** Starts the live part; everything is read at the socket's greeting, or without it if it is late. */
export function begin(): void {
  phase.value = "inside";
  outbox.start(me.value?.operator.id ?? "");
  if (!project.value) return;
  const late = window.setTimeout(reload, 800);
  live.start({
    event: hear,
    reload: () => {
      clearTimeout(late);
      reload();
    },
    doubt: stillIn,
  });
  void api.setPresence(presence.value).catch(() => {});
}

async function stillIn(): Promise<boolean> {
  try {
    csrf.value = (await api.me()).csrf;
    return true;
  } catch (error) {
    return !(error instanceof Refused && error.problem.status === 401);
  }
}

export function later(): void {
  localStorage.setItem(LATER, "1");
  begin();
}

/** Ends the session here, in the other tabs and at the server. */
export async function signOut(): Promise<void> {
  const who = me.value?.operator.id ?? "";
  await api.signOut().catch(() => {});
  leave();
  forgetTyped(who);
  tellTabs({ t: "out" });
}

function leave(): void {
  localStorage.removeItem(LATER);
  heard = [];
  live.stop();
  outbox.stop();
  batch(() => {
    reading.closeThread();
    rows.forget();
    csrf.value = "";
    phase.value = "sign-in";
  });
}

onTabs((word) => {
  if (word.t === "out" && phase.value !== "sign-in") leave();
  if (word.t === "in" && phase.value === "sign-in") void startUp();
  // Who reads a dialog or fills a form here is not taken out of it by what he does in another tab.
  if (word.t === "project" && phase.value === "inside" && !reading.thread.value && !unsaved.value)
    if (rows.projects.value.some((one) => one.id === word.id)) rows.choose(word.id);
});

export async function startUp(): Promise<void> {
  whenSignedOut(leave);
  phase.value = "starting";
  try {
    enter(await api.me());
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    phase.value = error.problem.status === 401 ? "sign-in" : "unreachable";
  }
}
