// What can be done about a comparison: another baseline, and areas that are not compared.

import Alert from "@cloudscape-design/components/alert";
import Modal from "@cloudscape-design/components/modal";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useRef, useState, type PointerEvent } from "react";

import { artifactUrl, updateCanary, type Canary, type VisualReference } from "../../api/canary";
import { useCanaryChange } from "../../api/canary-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import type { ReportStep } from "../../model/canary-report";
import { areasOf, areaOf, printArea, withAreas, withBaseline, type Area } from "../../model/visual-reference";

export function VisualTools({
  canary,
  runId,
  step,
  currentKey,
}: {
  canary: Canary;
  runId: string;
  step: ReportStep;
  currentKey: string | undefined;
}) {
  const text = useText();
  const t = text.canary.run.pictures;
  const [done, setDone] = useState(false);
  const [drawing, setDrawing] = useState(false);
  const change = useCanaryChange((references: VisualReference[]) =>
    updateCanary(canary.Name, { VisualReferences: references }),
  );
  const screenshot = step.visual?.current ?? "";
  const areas = areasOf(canary, screenshot);
  return (
    <SpaceBetween size="xs">
      {change.error && <ErrorState error={change.error} />}
      {done && <Alert type="success">{t.baselineMade}</Alert>}
      <div className="m-links">
        <ChangeButton
          loading={change.isPending}
          onClick={() => change.mutate(withBaseline(canary, runId, step), { onSuccess: () => setDone(true) })}
        >
          {t.makeBaseline}
        </ChangeButton>
        {currentKey && (
          <Button onClick={() => setDrawing(true)}>
            {areas.length > 0 ? `${t.ignore} (${areas.length})` : t.ignore}
          </Button>
        )}
      </div>
      {drawing && currentKey && (
        <Areas
          picture={currentKey}
          areas={areas}
          isPending={change.isPending}
          onSave={(next) =>
            change.mutate(withAreas(canary, screenshot, next), { onSuccess: () => setDrawing(false) })
          }
          onClose={() => setDrawing(false)}
        />
      )}
    </SpaceBetween>
  );
}

interface AreasProps {
  picture: string;
  areas: readonly Area[];
  isPending: boolean;
  onSave: (areas: Area[]) => void;
  onClose: () => void;
}

/** Boxes are drawn over the picture, in its own pixels. */
function Areas({ picture, areas: before, isPending, onSave, onClose }: AreasProps) {
  const text = useText();
  const t = text.canary.run.pictures;
  const [areas, setAreas] = useState<Area[]>([...before]);
  const [size, setSize] = useState<{ width: number; height: number } | undefined>(undefined);
  const [drawn, setDrawn] = useState<Area | undefined>(undefined);
  const from = useRef<{ x: number; y: number } | undefined>(undefined);
  const at = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * (size?.width ?? 1),
      y: ((event.clientY - box.top) / box.height) * (size?.height ?? 1),
    };
  };
  return (
    <Modal
      visible
      size="max"
      header={t.ignore}
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onClose}>
            {text.common.cancel}
          </Button>
          <ChangeButton variant="primary" loading={isPending} onClick={() => onSave(areas)}>
            {t.ignoreSave}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        <div>{t.ignoreText}</div>
        {areas.length > 0 && (
          <div className="m-links">
            {areas.map((area, i) => (
              <button
                key={printArea(area)}
                type="button"
                className="m-chip"
                aria-label={t.ignoreRemove(printArea(area))}
                onClick={() => setAreas(areas.filter((_, j) => j !== i))}
              >
                <span className="m-chip-text">{printArea(area)}</span> ✕
              </button>
            ))}
          </div>
        )}
        <div className="m-areas">
          <img
            src={artifactUrl(picture)}
            alt=""
            onLoad={({ currentTarget: image }) =>
              setSize({ width: image.naturalWidth, height: image.naturalHeight })
            }
          />
          {size && (
            <svg
              viewBox={`0 0 ${size.width} ${size.height}`}
              aria-label={t.ignoreText}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                from.current = at(event);
              }}
              onPointerMove={(event) => from.current && setDrawn(areaOf(from.current, at(event), size))}
              onPointerUp={(event) => {
                const area = from.current && areaOf(from.current, at(event), size);
                from.current = undefined;
                setDrawn(undefined);
                if (area) setAreas([...areas, area]);
              }}
            >
              {[...areas, ...(drawn ? [drawn] : [])].map((area, i) => (
                <rect key={i} x={area.x} y={area.y} width={area.width} height={area.height} className="m-area-box" />
              ))}
            </svg>
          )}
        </div>
      </SpaceBetween>
    </Modal>
  );
}
