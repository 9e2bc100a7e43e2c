import "./admin.css";
import "./form.css";
import "./preview.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { lazy } from "../inbox/lazy";
import { Empty } from "../inbox/parts";
import { place } from "../inbox/route";
import { project, role } from "../inbox/rows";
import type { ChannelSettings } from "./wire";
import { Adding } from "./adding";
import { Channels } from "./channels";
import { Linked, type Values } from "./linked";
import { ROOM, Room, Rooms } from "./rooms";
import { Site } from "./site";
import { Failed, NoChannel, Wait } from "./wait";
import { t } from "./words";

/** Stands for a channel that is yet to be; no id of one has it. */
const NEW = "+";

const BotPage = lazy<{ found: ChannelSettings<unknown> }, "BotPage">(() => import("./bot"), "BotPage");

/** The screens on which a project is set up; the address says which channel and which part of it. */
export function Admin(): JSX.Element {
  const rest = place.value.page === "admin" ? place.value.rest : "";
  const [channel = "", part = ""] = rest.split("/").map(decoded);
  return (
    <section class="admin" aria-label={t("admin.title")}>
      {role.value !== "admin" ? (
        <Empty title={t("admin.not_yours")} />
      ) : channel === NEW ? (
        <Adding key={`${project.value} ${part}`} kind={part} />
      ) : channel.startsWith(ROOM) ? (
        <Room key={`${project.value} ${channel}`} id={channel.slice(ROOM.length)} part={part} />
      ) : channel ? (
        <One key={`${project.value} ${channel}`} channel={channel} part={part} />
      ) : (
        <Rooms at="">
          <Channels />
        </Rooms>
      )}
    </section>
  );
}

/** One channel: the chat of a site has its own screen, all others are a form and a trial. */
function One({ channel, part }: { channel: string; part: string }): JSX.Element {
  const [view, setView] = useState<ChannelSettings<unknown> | null>(null);
  const [trouble, setTrouble] = useState<"" | "missing" | "failed">("");
  const read = async (): Promise<void> => {
    setTrouble("");
    try {
      const found = await api.channelSettings<unknown>(project.value, channel);
      setView(found);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(error.problem.status === 404 ? "missing" : "failed");
    }
  };
  useEffect(() => void read(), [channel]);
  if (trouble === "missing") return <NoChannel />;
  if (trouble) return <Failed onAgain={() => void read()} />;
  if (!view) return <Wait />;
  if (view.kind === "site") return <Site channel={channel} part={part} />;
  if (part === "bot") return <BotPage found={view} />;
  return <Linked found={view as ChannelSettings<Values>} />;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
