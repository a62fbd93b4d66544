import Autosuggest from "@cloudscape-design/components/autosuggest";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { getDashboard, putDashboard } from "../../api/cloudwatch";
import { useDashboards } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { freePlace, parseBody, printBody, type DashboardBody } from "../../model/dashboard";
import { printWidget, type MetricWidget } from "../../model/widget";

interface AddToDashboardProps {
  widget: MetricWidget;
  onDone: (name: string) => void;
  onCancel: () => void;
}

const size = { width: 12, height: 6 };

export function AddToDashboard({ widget, onDone, onCancel }: AddToDashboardProps) {
  const text = useText();
  const t = text.dashboard;
  const dashboards = useDashboards();
  const names = (dashboards.data ?? []).map((each) => each.DashboardName);
  const [name, setName] = useState("");
  const [title, setTitle] = useState(widget.title ?? "");
  const queries = useQueryClient();
  const add = useMutation({
    mutationFn: async () => {
      const body: DashboardBody = names.includes(name)
        ? parseBody((await getDashboard(name)).DashboardBody)
        : { widgets: [], rest: {} };
      const properties = printWidget({ ...widget, title: title || undefined });
      const place = freePlace(body.widgets, size);
      body.widgets.push({ key: "new", type: "metric", ...size, ...place, properties });
      await putDashboard({ DashboardName: name, DashboardBody: printBody(body) });
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["Dashboards"] });
      await queries.invalidateQueries({ queryKey: ["Dashboard", name] });
      onDone(name);
    },
  });
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={text.metric.toDashboard}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <Button
            variant="primary"
            disabled={!/^[A-Za-z0-9_-]{1,255}$/.test(name)}
            loading={add.isPending}
            onClick={() => add.mutate()}
          >
            {t.add}
          </Button>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {add.error && <ErrorState error={add.error} />}
        <FormField label={t.one} description={t.nameHelp}>
          <Autosuggest
            value={name}
            options={names.map((value) => ({ value }))}
            onChange={({ detail }) => setName(detail.value)}
            enteredTextLabel={(value) => t.makeNew(value)}
            ariaLabel={t.one}
            expandToViewport
          />
        </FormField>
        <FormField label={t.widgetTitle}>
          <Input value={title} onChange={({ detail }) => setTitle(detail.value)} />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}
