import { useText } from "./settings";

/** A or B, in the colour and the form that its bars and lines have. */
export function SideMark({ side }: { side: "a" | "b" }) {
  const text = useText();
  return (
    <span className={`m-side m-side-${side}`}>
      {side === "a" ? text.compare.sideA : text.compare.sideB}
    </span>
  );
}
