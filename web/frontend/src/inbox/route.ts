import { closeThread, openThread, thread } from "./store";

/** The address of the page names the open dialog, so that back and reload do what people expect. */
export function follow(): void {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id && thread.value?.id !== id) void openThread(id);
  else if (!id && thread.value) closeThread();
}

export function open(id: string): void {
  if (thread.value?.id === id) return;
  const hash = `#${encodeURIComponent(id)}`;
  if (thread.value) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  void openThread(id);
}

export function back(): void {
  history.replaceState(null, "", location.pathname + location.search);
  closeThread();
}

window.addEventListener("popstate", follow);
window.addEventListener("hashchange", follow);
