import "./admin.css";
import "./form.css";
import "./preview.css";
import type { JSX } from "preact";
import { place } from "../inbox/route";
import { project, role } from "../inbox/rows";
import { Empty } from "../inbox/parts";
import { Channels } from "./channels";
import { Site } from "./site";
import { t } from "./words";

/** The screens on which a project is set up; the address says which channel and which part of it. */
export function Admin(): JSX.Element {
  const rest = place.value.page === "admin" ? place.value.rest : "";
  const [channel = "", part = ""] = rest.split("/").map(decoded);
  return (
    <section class="admin" aria-label={t("admin.title")}>
      {role.value !== "admin" ? (
        <Empty title={t("admin.not_yours")} />
      ) : channel ? (
        <Site key={`${project.value} ${channel}`} channel={channel} part={part} />
      ) : (
        <Channels />
      )}
    </section>
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
