import { useEffect, useRef } from "preact/hooks";

/** Begins a question, and gives what tells of its answer whether it is still wanted: nothing was asked since, and the page is there. */
export function useLatest(): () => () => boolean {
  const asked = useRef(0);
  useEffect(
    () => () => {
      asked.current += 1;
    },
    [],
  );
  return () => {
    const mine = (asked.current += 1);
    return () => asked.current === mine;
  };
}
