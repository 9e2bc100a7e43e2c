// The filter language as a screen builds it: conditions, and one level of groups of them.
import type { Filter, FilterField } from "./project";

export type Join = "all" | "any";

/** A filter as it is edited. */
export interface Group {
  join: Join;
  items: (Filter | Group)[];
}

export const isGroup = (item: Filter | Group): item is Group => "join" in item;

const isCondition = (filter: Filter): boolean =>
  filter.field !== undefined &&
  filter.all === undefined &&
  filter.any === undefined &&
  filter.not === undefined;

/** As the screen shows it; null for one that says more than the screen can. */
export function opened(filter: Filter): Group | null {
  if (isCondition(filter)) return { join: "all", items: [filter] };
  if (filter.field !== undefined || filter.not !== undefined) return null;
  if (filter.all && filter.any) return null;
  const items: (Filter | Group)[] = [];
  for (const each of filter.all ?? filter.any ?? []) {
    const inner = isCondition(each) ? each : flat(each);
    if (!inner) return null;
    items.push(inner);
  }
  return { join: filter.any ? "any" : "all", items };
}

function flat(filter: Filter): Group | null {
  const group = opened(filter);
  return group && group.items.every((item) => !isGroup(item)) ? group : null;
}

/** As the hub takes it; what has no condition in it is left out. */
export function closed(group: Group): Filter {
  const items = group.items
    .map((item) => (isGroup(item) ? closed(item) : item))
    .filter((item) => Object.keys(item).length > 0);
  return items.length ? { [group.join]: items } : {};
}

/** The filter without groups that nothing is in. */
export function pruned(filter: Filter): Filter {
  const group = opened(filter);
  return group ? closed(group) : filter;
}

/** The line of the catalogue for that name; `utm.*` stands for all that begin so. */
export function fieldOf(fields: readonly FilterField[], name: string): FilterField | undefined {
  return (
    fields.find((field) => field.name === name) ??
    (name.includes(".") ? fields.find((field) => field.name === `${name.slice(0, name.indexOf("."))}.*`) : undefined)
  );
}

/** What a condition on that field begins with. */
export function begun(field: FilterField): Filter {
  const [op = "is"] = field.ops;
  const name = field.name.endsWith(".*") ? field.name.slice(0, -1) : field.name;
  return withValue({ field: name, op }, valueFor(field, op));
}

/** The condition with another way to compare; its value stays where it still fits. */
export function compared(condition: Filter, field: FilterField, op: string): Filter {
  const { value } = condition;
  const next = valueFor(field, op);
  const many = Array.isArray(next);
  const fits =
    many && typeof value === "string" ? (value ? [value] : [])
    : typeof next === "string" && Array.isArray(value) ? (value[0] ?? "")
    : typeof value === typeof next && Array.isArray(value) === many ? value
    : next;
  return withValue({ field: condition.field ?? "", op }, fits);
}

function withValue(condition: Filter, value: Filter["value"]): Filter {
  return value === undefined || value === null ? condition : { ...condition, value };
}

export function valueFor({ type, choices }: FilterField, op: string): Filter["value"] {
  if (op === "is_set" || op === "not_set") return null;
  if (op === "one_of") return [];
  if (op === "within_days" || op === "older_than_days") return 7;
  if (type === "flag") return true;
  if (type === "number") return 1;
  return choices[0] ?? "";
}

/** The place of the first value that is not given yet, as all.1.value; else "". */
export function lacking(filter: Filter): string {
  const group = opened(filter);
  if (!group) return "";
  for (const [n, item] of group.items.entries()) {
    const inner = isGroup(item) ? lacking(closed(item)) : whole(item) ? "" : "value";
    if (inner) return `${group.join}.${n}.${inner}`;
  }
  return "";
}

function whole({ field = "", op, value }: Filter): boolean {
  if (field === "" || field.endsWith(".")) return false;
  if (op === "is_set" || op === "not_set") return true;
  if (Array.isArray(value)) return value.some((each) => each !== "");
  return value !== undefined && value !== null && value !== "";
}
