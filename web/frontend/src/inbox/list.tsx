import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { examples } from "./beginner";
import { Chips, Filters } from "./filters";
import { Found, SearchField } from "./found";
import { lazy } from "./lazy";
import { Icon, type IconName, IconButton } from "./parts";
import { showSounds } from "./route";
import { Rows } from "./rowlist";
import { VIEWS, choose, counts, look, project, projects, view } from "./rows";
import { leaveSearch, searching } from "./search";
import { ringing, t } from "./settings";
import { tellTabs } from "./tabs";
import { compact } from "./window";
import type { View } from "./wire";

const ICONS: Record<View, IconName> = {
  queue: "inbox",
  mine: "person",
  all: "all",
  closed: "archive",
};

const ExamplesStrip = lazy(() => import("../admin/doors"), "ExamplesStrip");

const filtering = signal(false);

export function List(): JSX.Element {
  return (
    <section class="list" aria-label={t("inbox.list")}>
      <header class="list-head">
        <Projects />
        {projects.value.length > 0 ? (
          <div class="list-tools">
            <SearchField />
            <IconButton
              icon="filter"
              label={t("inbox.filter")}
              class="filter-toggle"
              pressed={filtering.value}
              onClick={() => {
                filtering.value = !filtering.value;
              }}
            />
          </div>
        ) : null}
        {searching.value || compact.value ? null : <Tabs />}
        {searching.value ? null : filtering.value ? <Filters /> : <Chips />}
      </header>
      {compact.value && ringing.asked.value === "off" ? <Strip /> : null}
      {examples.value && !searching.value ? <ExamplesStrip /> : null}
      {searching.value ? <Found /> : <Rows />}
    </section>
  );
}

/** On a phone the first check of sound and notifications is one press away, and not in the way. */
function Strip(): JSX.Element {
  return (
    <div class="hint">
      <span>{t("inbox.sounds.strip")}</span>
      <button type="button" class="button" onClick={showSounds}>
        {t("inbox.sounds.strip_open")}
      </button>
      <IconButton
        icon="close"
        label={t("inbox.dismiss")}
        onClick={() => {
          ringing.asked.value = "on";
        }}
      />
    </div>
  );
}

function Projects(): JSX.Element {
  if (projects.value.length < 2)
    return <h1 class="project">{projects.value[0]?.name ?? t("inbox.no_projects")}</h1>;
  return (
    <select
      class="project"
      aria-label={t("inbox.project")}
      value={project.value}
      onChange={(event) => {
        choose(event.currentTarget.value);
        tellTabs({ t: "project", id: event.currentTarget.value });
      }}
    >
      {projects.value.map((one) => (
        <option key={one.id} value={one.id}>
          {one.name}
        </option>
      ))}
    </select>
  );
}

/** The lists to look at: above them on a wide screen, at the thumb on a phone. */
export function Tabs(): JSX.Element {
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const to = VIEWS[(VIEWS.indexOf(view.value) + step + VIEWS.length) % VIEWS.length] ?? "queue";
    look(to);
    document.getElementById(`tab-${to}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t("inbox.views")} onKeyDown={move}>
      {VIEWS.map((name) => {
        const count = name === "closed" ? undefined : counts.value?.[name];
        return (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={view.value === name}
            aria-controls="rows"
            tabIndex={view.value === name ? 0 : -1}
            onClick={() => {
              leaveSearch();
              look(name);
            }}
          >
            {compact.value ? <Icon name={ICONS[name]} /> : null}
            <span>{t(`inbox.view.${name}`)}</span>
            {count && count.n > 0 ? (
              <span class="count">{count.more ? `${count.n}+` : count.n}</span>
            ) : null}
          </button>
        );
      })}
    </div>
  );
}
