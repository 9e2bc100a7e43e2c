// What only the pages of a project's settings ask the hub.
import { call } from "../inbox/api";
import type {
  CalendarYear,
  DryRun,
  FilterField,
  Outlook,
  Policy,
  Project,
  ProjectChange,
  Schedule,
  Whereabouts,
} from "./project";

const at = (project: string, path: string): string =>
  `/projects/${encodeURIComponent(project)}${path}`;

export const calls = {
  project: (project: string) => call<Project>("GET", at(project, "/settings")),
  changeProject: (project: string, rev: number, change: ProjectChange) =>
    call<Project>("PATCH", at(project, "/settings"), { rev, ...change }),
  eventKey: (project: string) =>
    call<{ header: string; key: string }>("GET", at(project, "/events/key")),
  outlook: (project: string, schedule: Schedule) =>
    call<Outlook>("POST", at(project, "/schedule/preview"), { schedule }),
  calendar: (project: string, year: number) =>
    call<CalendarYear>("GET", at(project, `/calendar/${year}`)),
  confirmCalendar: (project: string, year: number, rev: number, chosen: string[]) =>
    call<Project>("POST", at(project, `/calendar/${year}`), { rev, chosen }),
  whereabouts: (project: string, phone: string) =>
    call<Whereabouts>("GET", at(project, `/whereabouts?${new URLSearchParams({ phone })}`)),
  variables: (project: string) =>
    call<{ names: string[] }>("GET", at(project, "/rules/variables")).then(({ names }) => names),
  dryRun: (project: string, policy: Policy, days: number) =>
    call<DryRun>("POST", at(project, "/rules/dry-run"), { policy, days }),
  filterFields: (project: string, of: "" | "rule" = "") =>
    call<{ fields: FilterField[] }>("GET", at(project, `/filter-fields${of ? `?for=${of}` : ""}`)).then(
      ({ fields }) => fields,
    ),
};
