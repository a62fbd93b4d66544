// A fault in one page must not take the whole console down.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { Component, type ReactNode } from "react";

import { useText } from "./settings";

export class ErrorBoundary extends Component<
  { children: ReactNode },
  { error: Error | undefined }
> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    return this.state.error ? <Crashed error={this.state.error} /> : this.props.children;
  }
}

function Crashed({ error }: { error: Error }) {
  const text = useText();
  return (
    <Alert
      type="error"
      header={text.app.crashed}
      action={<Button onClick={() => location.reload()}>{text.app.reload}</Button>}
    >
      {text.app.crashedText}
      <pre className="m-code">{error.message}</pre>
    </Alert>
  );
}
