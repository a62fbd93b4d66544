// A script: written here, or in a zip file as for AWS.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FileUpload from "@cloudscape-design/components/file-upload";
import FormField from "@cloudscape-design/components/form-field";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";

import { useRuntimeVersions } from "../../api/canary-hook";
import { useText } from "../../app/settings";
import { withRuntime } from "../../model/canary-draft";
import { scriptRuntimes, scriptTemplate } from "../../model/canary-script";
import { TextField, useProblemText, type PartProps } from "./form-parts";

export function ScriptFields({ draft, change, problems }: PartProps) {
  const text = useText();
  const t = text.canary.form;
  const problemText = useProblemText();
  const [source, setSource] = useState<"text" | "zip">(draft.script === undefined ? "zip" : "text");
  const [files, setFiles] = useState<File[]>([]);
  const versions = (useRuntimeVersions().data ?? []).map((version) => version.VersionName);
  const runtimes = [...new Set([...scriptRuntimes, ...versions.filter((name) => name.startsWith("syn-")), draft.runtime])];
  return (
    <SpaceBetween size="m">
      <div className="m-form-grid">
        <FormField label={t.runtime}>
          <Select
            options={runtimes.map((value) => ({ value }))}
            selectedOption={{ value: draft.runtime }}
            onChange={({ detail }) => change(withRuntime(draft, detail.selectedOption.value!))}
          />
        </FormField>
        <TextField label={t.handler} value={draft.handler} onChange={(handler) => change({ handler })} mono />
      </div>
      <SegmentedControl
        label={t.source}
        selectedId={source}
        options={(["text", "zip"] as const).map((id) => ({ id, text: t.sources[id] }))}
        onChange={({ detail }) => {
          setSource(detail.selectedId as "text" | "zip");
          if (detail.selectedId === "text") {
            setFiles([]);
            change({ zip: undefined });
          }
        }}
      />
      {source === "zip" ? (
        <FormField label={t.zip} description={t.zipHelp} errorText={problemText(problems["script"])}>
          <FileUpload
            value={files}
            accept=".zip"
            onChange={({ detail }) => {
              setFiles(detail.value);
              const file = detail.value[0];
              if (!file) change({ zip: undefined });
              else void toBase64(file).then((base64) => change({ zip: { name: file.name, base64 } }));
            }}
            i18nStrings={{
              uploadButtonText: () => t.zipChoose,
              dropzoneText: () => t.zipChoose,
              removeFileAriaLabel: () => t.remove,
              limitShowFewer: text.analytics.showFewer,
              limitShowMore: text.common.more,
              errorIconAriaLabel: text.state.error,
            }}
            showFileSize
          />
          {draft.script === undefined && !draft.zip && <Box color="text-body-secondary">{t.zipStored}</Box>}
        </FormField>
      ) : draft.script === undefined ? (
        <div className="m-links">
          <Box color="text-body-secondary">{t.zipStored}</Box>
          <Button
            formAction="none"
            onClick={() => change({ script: scriptTemplate(draft.runtime, draft.pages[0]?.url ?? "") })}
          >
            {t.replaceScript}
          </Button>
        </div>
      ) : (
        <FormField label={t.script} errorText={problemText(problems["script"])} stretch>
          <div className="m-code-field">
            <Textarea
              value={draft.script}
              rows={Math.min(36, Math.max(16, draft.script.split("\n").length + 1))}
              spellcheck={false}
              onChange={({ detail }) => change({ script: detail.value })}
            />
          </div>
        </FormField>
      )}
    </SpaceBetween>
  );
}

function toBase64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("the file cannot be read"));
    reader.readAsDataURL(file);
  });
}
