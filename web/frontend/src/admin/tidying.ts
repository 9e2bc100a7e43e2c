// A project's settings as they are meant: no empty lines, no spaces around words, times written out.
import { phoneOf } from "./checks";
import type { Action, OwnRule, Project } from "./project";
import { pruned } from "./filtering";
import { tidyScript } from "./script";
import { clock, writtenOut } from "./spans";

const lines = (all: string[]): string[] => [
  ...new Set(all.map((line) => line.trim()).filter((line) => line !== "")),
];

/** A number to dial: an extension stays as it is, all else is a phone. */
export function numberOf(typed: string): string {
  const digits = typed.replace(/[\s()-]/g, "");
  return /^\d{2,6}$/.test(digits) ? digits : phoneOf(typed);
}

export function tidied(project: Project): Project {
  const { calling, policy, schedule } = project;
  return {
    ...project,
    texting: project.texting.map((one) => ({ ...one, text: one.text.trim() })),
    name: project.name.trim() || project.name,
    schedule: {
      ...schedule,
      week: schedule.week.map(writtenOut),
      dates: Object.fromEntries(Object.entries(schedule.dates).map(([date, day]) => [date, writtenOut(day)])),
    },
    calling: {
      ...calling,
      numbers: lines(calling.numbers.map(numberOf)),
      shown: phoneOf(calling.shown),
      mails: lines(calling.mails),
      exhausted_url: calling.exhausted_url.trim(),
      script: tidyScript(calling.script),
      quiet: {
        since: clock(calling.quiet.since) ?? calling.quiet.since,
        until: clock(calling.quiet.until) ?? calling.quiet.until,
      },
    },
    policy: {
      ...policy,
      silence: { ...policy.silence, text: policy.silence.text.trim() },
      closed_hours: { ...policy.closed_hours, text: policy.closed_hours.text.trim() },
      auto_close: { ...policy.auto_close, text: policy.auto_close.text.trim() },
      spam: {
        ...policy.spam,
        phrases: lines(policy.spam.phrases),
        phones: lines(policy.spam.phones.map(phoneOf)),
      },
      stop_words: {
        ...policy.stop_words,
        words: lines(policy.stop_words.words),
        text: policy.stop_words.text.trim(),
      },
      own: policy.own.map(tidyRule),
    },
  };
}

function tidyRule(rule: OwnRule): OwnRule {
  return {
    ...rule,
    name: rule.name.trim(),
    where: pruned(rule.where),
    actions: rule.actions.map((action): Action => {
      if (action.type === "say" || action.type === "note") return { ...action, text: action.text.trim() };
      if (action.type === "close") return { ...action, result: action.result.trim() };
      return action;
    }),
  };
}
