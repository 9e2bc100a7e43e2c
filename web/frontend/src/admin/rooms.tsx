import "./rooms.css";
import type { ComponentChildren, JSX } from "preact";
import { lazy } from "../inbox/lazy";
import { goTo } from "../inbox/route";
import { Missing } from "./wait";
import { t } from "./words";

/** Stands before the name of a page that is no channel's; no id of one begins so. */
export const ROOM = "~";

/** What is set up of a project besides its channels; `part` is the rest of the address. */
const ROOMS = {
  hours: lazy<RoomProps, "Hours">(() => import("./hours"), "Hours"),
  calling: lazy<RoomProps, "Calling">(() => import("./calling"), "Calling"),
  rules: lazy<RoomProps, "Rules">(() => import("./rules"), "Rules"),
  connections: lazy<RoomProps, "Connections">(() => import("./connections"), "Connections"),
  automations: lazy<RoomProps, "Automations">(() => import("./automations"), "Automations"),
};

type Id = keyof typeof ROOMS;

interface RoomProps {
  part: string;
}

const IDS = Object.keys(ROOMS) as Id[];

const to = (id: Id | ""): string => (id ? `#/admin/${ROOM}${id}` : "#/admin");

const named = (id: Id | ""): string => t(id ? `admin.room.${id}` : "admin.channels");

export function Room({ id, part }: RoomProps & { id: string }): JSX.Element {
  const known = IDS.find((one) => one === id);
  if (!known) return <Missing title={t("admin.missing.page")} to="#/admin" words={t("admin.to_channels")} />;
  const Part = ROOMS[known];
  return (
    <Rooms at={known}>
      <Part part={part} />
    </Rooms>
  );
}

/** The pages of a project's settings, and the one that is open beside them. */
export function Rooms({ at, children }: { at: Id | ""; children: ComponentChildren }): JSX.Element {
  const all = ["" as const, ...IDS];
  return (
    <div class="rooms">
      <nav class="sections" aria-label={t("admin.rooms")}>
        <select
          aria-label={t("admin.rooms")}
          value={at}
          onChange={(event) => goTo(to(event.currentTarget.value as Id | ""))}
        >
          {all.map((one) => (
            <option key={one} value={one}>
              {named(one)}
            </option>
          ))}
        </select>
        <ul>
          {all.map((one) => (
            <li key={one}>
              <a href={to(one)} aria-current={one === at ? "page" : undefined}>
                {named(one)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {children}
    </div>
  );
}
