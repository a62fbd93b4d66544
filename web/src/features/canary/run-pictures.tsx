// What the pages looked like: screenshots to enlarge, and those that were compared side by side.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";

import { artifactUrl, type Artifact } from "../../api/canary";
import { percentText } from "../../app/canary-words";
import { StepStatusText } from "../../app/canary-state";
import { useText } from "../../app/settings";
import { keyOf, picturesOf, type CanaryReport, type ReportStep } from "../../model/canary-report";

interface Shown {
  key: string;
  name: string;
}

export function RunPictures({
  report,
  artifacts,
  visualTools,
}: {
  report: CanaryReport | null;
  artifacts: readonly Artifact[];
  /** What can be done about a comparison; a try-out has nothing of it. */
  visualTools?: (step: ReportStep, currentKey: string | undefined) => ReactNode;
}) {
  const text = useText();
  const t = text.canary.run.pictures;
  const [open, setOpen] = useState<number | undefined>(undefined);
  const pictures = picturesOf(report, artifacts);
  const compared = (report?.steps ?? []).filter((step) => step.visual);
  const all: Shown[] = [
    ...compared.flatMap((step) =>
      (["baseline", "current", "difference"] as const).flatMap((which) => {
        const key = keyOf(step.visual?.[which], artifacts);
        return key ? [{ key, name: `${step.stepName}: ${t[which]}` }] : [];
      }),
    ),
    ...pictures.map((picture) => ({
      key: picture.key,
      name: picture.step ? `${picture.step.stepName}: ${picture.name}` : picture.name,
    })),
  ];
  if (all.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  const enlarge = (key: string) => setOpen(all.findIndex((each) => each.key === key));
  return (
    <SpaceBetween size="l">
      {compared.map((step) => (
        <Comparison
          key={step.stepNumber}
          step={step}
          artifacts={artifacts}
          onOpen={enlarge}
          tools={visualTools?.(step, keyOf(step.visual?.current, artifacts))}
        />
      ))}
      {pictures.length > 0 && (
        <div className="m-pictures">
          {pictures.map((picture) => (
            <figure key={picture.key}>
              <Thumb name={picture.name} pictureKey={picture.key} onOpen={enlarge} />
              <figcaption>
                {picture.step && <StepStatusText status={picture.step.status} />}
                <span className="m-break">{picture.step?.stepName ?? picture.name}</span>
              </figcaption>
            </figure>
          ))}
        </div>
      )}
      {open !== undefined && all[open] && (
        <Enlarged pictures={all} index={open} onIndex={setOpen} onClose={() => setOpen(undefined)} />
      )}
    </SpaceBetween>
  );
}

function Thumb({ name, pictureKey, onOpen }: { name: string; pictureKey: string; onOpen: (key: string) => void }) {
  const t = useText().canary.run.pictures;
  return (
    <button type="button" className="m-thumb" aria-label={t.enlarge(name)} onClick={() => onOpen(pictureKey)}>
      <img src={artifactUrl(pictureKey)} alt={name} loading="lazy" />
    </button>
  );
}

/** Baseline, what it is now, and the difference beside each other. */
function Comparison({
  step,
  artifacts,
  onOpen,
  tools,
}: {
  step: ReportStep;
  artifacts: readonly Artifact[];
  onOpen: (key: string) => void;
  tools: ReactNode;
}) {
  const t = useText().canary.run.pictures;
  const visual = step.visual!;
  return (
    <section className="m-comparison" data-testid="visual-comparison">
      <div className="m-comparison-head">
        <Box variant="h4" tagOverride="h3">
          {t.comparison(step.stepName)}
        </Box>
        <StepStatusText status={step.status} />
        {visual.changedPercent !== undefined && (
          <span>{t.changed(percentText(visual.changedPercent), percentText(visual.allowedPercent))}</span>
        )}
      </div>
      <div className="m-comparison-pictures">
        {(["baseline", "current", "difference"] as const).map((which) => {
          const key = keyOf(visual[which], artifacts);
          return (
            <figure key={which}>
              <figcaption>{t[which]}</figcaption>
              {key ? <Thumb name={`${step.stepName}: ${t[which]}`} pictureKey={key} onOpen={onOpen} /> : "–"}
            </figure>
          );
        })}
      </div>
      {tools}
    </section>
  );
}

function Enlarged({
  pictures,
  index,
  onIndex,
  onClose,
}: {
  pictures: readonly Shown[];
  index: number;
  onIndex: (index: number) => void;
  onClose: () => void;
}) {
  const text = useText();
  const t = text.canary.run.pictures;
  const shown = pictures[index]!;
  return (
    <Modal
      visible
      size="max"
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={shown.name}
      footer={
        <div className="m-links m-end-between">
          <span>
            {index + 1} / {pictures.length}
          </span>
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={index === 0} iconName="angle-left" onClick={() => onIndex(index - 1)}>
              {t.previous}
            </Button>
            <Button
              disabled={index === pictures.length - 1}
              iconName="angle-right"
              iconAlign="right"
              onClick={() => onIndex(index + 1)}
            >
              {t.next}
            </Button>
            <Button iconName="download" href={artifactUrl(shown.key)} download={shown.key.split("/").at(-1)!}>
              {t.download}
            </Button>
          </SpaceBetween>
        </div>
      }
    >
      <div
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft" && index > 0) onIndex(index - 1);
          if (event.key === "ArrowRight" && index < pictures.length - 1) onIndex(index + 1);
        }}
      >
        <img src={artifactUrl(shown.key)} alt={shown.name} className="m-picture" />
      </div>
    </Modal>
  );
}
