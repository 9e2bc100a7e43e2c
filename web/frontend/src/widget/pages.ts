/** Whether an address is meant by one of the patterns: "/cart/*" is of any site, "*" is anything. */
export function meant(patterns: readonly string[] | undefined, address: string): boolean {
  const url = new URL(address);
  return (patterns ?? []).some((pattern) => {
    const trimmed = pattern.trim();
    if (!trimmed) return false;
    const wanted = trimmed
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*");
    const path = url.pathname + (trimmed.includes("?") ? url.search : "");
    const whole = trimmed.startsWith("/") ? path : url.origin + path;
    return new RegExp(`^${wanted}$`, "i").test(whole);
  });
}
