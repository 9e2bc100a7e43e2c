import { generate } from "lean-qr/nano";
import type { JSX } from "preact";

const EDGE = 3;

/** The address as squares for the camera of a phone, dark on light in every theme. */
export function Qr({ address, label }: { address: string; label: string }): JSX.Element {
  const squares = generate(address);
  const side = squares.size + EDGE * 2;
  let path = "";
  for (let y = 0; y < squares.size; y += 1)
    for (let x = 0; x < squares.size; x += 1)
      if (squares.get(x, y)) path += `M${x + EDGE} ${y + EDGE}h1v1h-1z`;
  return (
    <svg class="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  );
}
