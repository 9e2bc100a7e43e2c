import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { beginner } from "./beginner";
import { lazy } from "./lazy";
import { type Group, type Place, groups, sortOf } from "./order";
import { Empty } from "./parts";
import { thread } from "./reading";
import { Row } from "./row";
import {
  clock,
  displayed,
  filter,
  held,
  listings,
  loadList,
  narrow,
  narrowed,
  newcomers,
  project,
  projects,
  view,
} from "./rows";
import { density, t } from "./settings";
import { full } from "./times";
import { compact } from "./window";

const Doors = lazy(() => import("../admin/doors"), "Doors");

const HEIGHT = { comfortable: 64, dense: 48 } as const;
const HEAD = 28;
/** Rows drawn beyond what is seen, so that a quick turn of the wheel shows no hole. */
const BEYOND = 6;
/** How near its end the list asks for more. */
const EDGE = 15;
const SLIDE = 120;
/** Moves that follow each other faster than this are a storm, in which nothing slides. */
const STORM = 200;
/** A mouse that has not moved for so long has no hand on it. */
const REST = 2_000;

/** The row that the keyboard is on. */
const cursor = signal<string | null>(null);

interface Shape {
  order: readonly Place[];
  days: readonly Group[];
  height: number;
}

/** How far from the top a row stands. */
function top(shape: Shape, n: number): number {
  const heads = shape.days.filter((group) => group.from <= n).length;
  return n * shape.height + heads * HEAD;
}

/** The row at that distance from the top. */
function rowAt(shape: Shape, y: number): number {
  let heads = 0;
  for (const group of shape.days) if (top(shape, group.from) <= y) heads += 1;
  return Math.max(0, Math.floor((y - heads * HEAD) / shape.height));
}

const shapeOf = (): Shape => ({
  order: displayed.value,
  days:
    sortOf(view.value, filter.value) === "last"
      ? groups(displayed.value, dayOf(clock.value))
      : [],
  height: HEIGHT[density.value],
});

/** Days change at midnight only, so that the clock does not draw the list anew. */
const dayOf = (now: number): number => new Date(now).setHours(12, 0, 0, 0);

const scrolled = signal(0);
/** How many rows came to stand above what is seen. */
const above = signal(0);
const tall = signal(800);

export function Rows(): JSX.Element {
  const listing = listings.value[view.value];
  const empty = displayed.value.length === 0;
  return (
    <div class="rows-frame" onPointerLeave={release}>
      <div
        class="rows"
        id="rows"
        role="tabpanel"
        aria-labelledby={`tab-${view.value}`}
        aria-busy={listing.state === "loading"}
        onPointerMove={hold}
      >
        {!empty ? (
          <Track />
        ) : listing.state === "ready" && listing.next === null ? (
          <Nothing />
        ) : projects.value.length === 0 ? (
          <Empty title={t("inbox.ask_admin")} />
        ) : listing.state === "failed" || listing.dry ? null : (
          <Skeleton />
        )}
        <End />
      </div>
      {newcomers.value + above.value > 0 ? (
        <button
          type="button"
          class={`pill newcomers ${low.value ? "low" : ""}`}
          onClick={letIn}
        >
          {t("inbox.newcomers", { n: newcomers.value + above.value })}
        </button>
      ) : null}
    </div>
  );
}

function Nothing(): JSX.Element {
  if (!narrowed.value)
    return compact.value && beginner.value ? (
      <Doors />
    ) : (
      <Empty title={t(`inbox.empty.${view.value}`)} />
    );
  return (
    <Empty title={t("inbox.empty.filter")}>
      <button
        type="button"
        class="button"
        onClick={() => narrow({ owner: "", status: "", channel: "", awaits: "" })}
      >
        {t("inbox.filter.drop")}
      </button>
    </Empty>
  );
}

/** What stands under the last row: a failure, or how far back was looked. */
function End(): JSX.Element | null {
  const listing = listings.value[view.value];
  if (listing.state === "failed")
    return (
      <Empty title={t("inbox.list_failed")}>
        <button type="button" class="button" onClick={() => void loadList(view.value)}>
          {t("inbox.try_again")}
        </button>
      </Empty>
    );
  if (listing.state !== "ready" || !listing.dry) return null;
  return (
    <Empty
      title={
        listing.lookedBackTo
          ? t("inbox.search.back", { date: full(listing.lookedBackTo) })
          : t("inbox.empty.filter")
      }
    >
      <button
        type="button"
        class="button"
        onClick={() => void loadList(view.value, { more: true })}
      >
        {t("inbox.search.further")}
      </button>
    </Empty>
  );
}

function Track(): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const before = useRef<{ shape: Shape; of: string; at: number } | null>(null);
  const shape = shapeOf();
  const { order, days } = shape;
  const from = Math.max(0, rowAt(shape, scrolled.value) - BEYOND);
  const to = Math.min(order.length, rowAt(shape, scrolled.value + tall.value) + BEYOND + 1);
  const shown = order.slice(from, to);
  const listing = listings.value[view.value];

  useEffect(() => {
    const box = frame.current?.parentElement;
    if (!box) return;
    const read = (): void => {
      scrolled.value = box.scrollTop;
      tall.value = box.clientHeight;
      if (box.scrollTop < shapeOf().height) above.value = 0;
    };
    read();
    const watch = new ResizeObserver(read);
    watch.observe(box);
    box.addEventListener("scroll", read, { passive: true });
    return () => {
      watch.disconnect();
      box.removeEventListener("scroll", read);
    };
  }, []);

  useEffect(() => {
    const near = to >= order.length - EDGE;
    if (near && listing.next !== null && listing.state === "ready" && !listing.dry)
      void loadList(view.value, { more: true });
  }, [to, order.length, listing]);

  useLayoutEffect(() => {
    const list = frame.current;
    const box = list?.parentElement;
    if (!list || !box) return;
    const of = `${project.value} ${view.value} ${JSON.stringify(filter.value)}`;
    const last = before.current;
    const now = performance.now();
    const isMove = last !== null && last.of === of && last.shape.order !== order;
    before.current = { shape, of, at: isMove ? now : (last?.at ?? 0) };
    if (last && last.of !== of) {
      box.scrollTop = 0;
      above.value = 0;
    }
    if (isMove) settle(box, list, last.shape, shape, now - last.at > STORM);
    refocus(list);
  });

  const stop = stopOf(order);
  return (
    <div class="track" ref={frame} style={{ height: `${top(shape, order.length)}px` }}>
      {days.map((group) => (
        <div
          key={group.day}
          class="day-block"
          style={{ height: `${HEAD + group.count * shape.height}px` }}
          aria-hidden="true"
        >
          <p class="day-head">{t(`inbox.day.${group.day}`)}</p>
        </div>
      ))}
      <ul class="row-list" aria-label={t("inbox.dialogs")} onFocusIn={enter} onFocusOut={leave}>
        {shown.map(({ id }, i) => (
          <Row
            key={id}
            id={id}
            n={from + i}
            of={order.length}
            top={top(shape, from + i)}
            stop={id === stop}
          />
        ))}
      </ul>
    </div>
  );
}

/** The one row that Tab stops at: where the keyboard was, else the open one, else the first. */
function stopOf(order: readonly Place[]): string | undefined {
  const wanted = [cursor.value, thread.value?.id];
  return order.find((place) => wanted.includes(place.id))?.id ?? order[0]?.id;
}

/** After rows moved: what was read stays where it was, and what moved is seen to move. */
function settle(box: HTMLElement, list: HTMLElement, was: Shape, is: Shape, slides: boolean): void {
  const stood = new Map(was.order.map((place, n) => [place.id, n]));
  const stands = new Map(is.order.map((place, n) => [place.id, n]));
  let shift = 0;
  const under = underMouse();
  if (box.scrollTop > 4 || under) {
    // The row under the mouse, or the first in sight that did not move of itself, holds the rest.
    const from = rowAt(was, box.scrollTop);
    const anchors = was.order.slice(from, from + 40);
    if (under) anchors.unshift(...was.order.filter((place) => place.id === under));
    for (const place of anchors) {
      const n = stands.get(place.id);
      if (n === undefined || is.order[n]?.at !== place.at) continue;
      shift = top(is, n) - top(was, stood.get(place.id) ?? n);
      break;
    }
    if (shift) {
      const wanted = box.scrollTop + shift;
      box.scrollTop = wanted;
      shift += box.scrollTop - wanted;
      above.value = Math.max(0, above.value + Math.round(shift / is.height));
    }
    scrolled.value = box.scrollTop;
  }
  if (!slides || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const row of list.querySelectorAll<HTMLElement>(".place")) {
    const id = row.dataset.id ?? "";
    const old = stood.get(id);
    const y = top(is, stands.get(id) ?? 0);
    const from = old === undefined ? null : top(was, old) + shift;
    if (from === y) continue;
    row.animate(
      from === null || Math.abs(from - y) > box.clientHeight
        ? [{ opacity: 0 }, { opacity: 1 }]
        : [{ transform: `translateY(${from}px)` }, { transform: `translateY(${y}px)` }],
      { duration: SLIDE, easing: "ease-out" },
    );
  }
}

// A row that changes its place among its neighbours loses the focus in some browsers; one that
// was scrolled away and came back has lost it for certain.
let focusIn: string | null = null;

function enter(event: FocusEvent): void {
  const id = (event.target as HTMLElement).closest<HTMLElement>(".place")?.dataset.id;
  if (id) {
    focusIn = id;
    cursor.value = id;
  }
}

function leave(event: FocusEvent): void {
  if (event.relatedTarget) focusIn = null;
}

function refocus(list: HTMLElement): void {
  if (!focusIn || document.activeElement !== document.body) return;
  list.querySelector<HTMLElement>(`[data-id="${CSS.escape(focusIn)}"] .row`)?.focus({
    preventScroll: true,
  });
}

/** Moves the keyboard along the rows; the first step enters at the open dialog. */
export function step(by: 1 | -1): void {
  const { order } = shapeOf();
  const inList = document.activeElement?.closest(".place");
  const from = inList ? cursor.value : (thread.value?.id ?? null);
  const at = order.findIndex((place) => place.id === from);
  goToRow(order[Math.min(order.length - 1, Math.max(0, at + by))]?.id);
}

/** Focuses a row, scrolling to it if it is out of sight. */
export function goToRow(id: string | undefined): void {
  const box = document.getElementById("rows");
  const shape = shapeOf();
  const n = shape.order.findIndex((place) => place.id === id);
  if (!box || id === undefined || n < 0) return;
  const y = top(shape, n);
  const hidden = shape.days.length ? HEAD : 0;
  if (y - hidden < box.scrollTop) box.scrollTop = Math.max(0, y - HEAD);
  else if (y + shape.height > box.scrollTop + box.clientHeight)
    box.scrollTop = y + shape.height - box.clientHeight;
  scrolled.value = box.scrollTop;
  cursor.value = id;
  const focus = (): void => {
    focusIn = id;
    box.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] .row`)?.focus({
      preventScroll: true,
    });
  };
  focus();
  if (document.activeElement?.closest<HTMLElement>(".place")?.dataset.id !== id)
    requestAnimationFrame(focus);
}

// Where the mouse is while it is in the list, and since when it has not moved.
let mouse: { x: number; y: number; since: number } | null = null;
let ticking = 0;
/** Whether the mouse is in the upper half, where nothing may come to lie under it. */
const low = signal(false);

/** While the mouse is in the list, nothing moves under it. */
function hold(event: PointerEvent): void {
  if (event.pointerType !== "mouse") return;
  mouse = { x: event.clientX, y: event.clientY, since: Date.now() };
  const frame = (event.currentTarget as HTMLElement).getBoundingClientRect();
  low.value = event.clientY < frame.top + frame.height / 2;
  if (displayed.value.length) held.value ??= displayed.value;
  ticking ||= window.setInterval(catchUp, 500);
}

function release(): void {
  mouse = null;
  clearInterval(ticking);
  ticking = 0;
  held.value = null;
}

function underMouse(): string | undefined {
  if (!mouse) return undefined;
  const under = document.elementFromPoint(mouse.x, mouse.y);
  return under?.closest<HTMLElement>(".place")?.dataset.id;
}

/** Under a mouse at rest the list may change round the row that it is on. */
function catchUp(): void {
  const live = listings.value[view.value].order;
  if (!held.value || held.value === live) return;
  const id = underMouse();
  const is = (order: readonly Place[]): number | undefined =>
    order.find((place) => place.id === id)?.at;
  const still = id === undefined || is(live) === is(held.value);
  const rests = id === undefined || (mouse !== null && Date.now() - mouse.since > REST);
  if (still && rests) held.value = live;
}

/** Lets in what waited and shows where it stands. */
function letIn(): void {
  held.value = null;
  above.value = 0;
  document.getElementById("rows")?.scrollTo({ top: 0 });
}

/** Shown only after a moment, so that a quick answer does not flicker. */
function Skeleton(): JSX.Element {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: 8 }, (_, i) => (
        <div key={i} class="row">
          <span class="avatar" />
          <span class="row-main">
            <span class="bar" />
            <span class="bar wide" />
          </span>
        </div>
      ))}
    </div>
  );
}
