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

/** A page's files are fetched when it is first opened; browsers and the bundler word a failure to differently. */
const notFetched = /preload|dynamically imported module|importing a module script/i;

function Crashed({ error }: { error: Error }) {
  const text = useText();
  const unreachable = notFetched.test(error.message);
  return (
    <Alert
      type="error"
      header={unreachable ? text.error.unreachable : text.app.crashed}
      action={<Button onClick={() => location.reload()}>{text.app.reload}</Button>}
    >
      {unreachable ? (
        text.error.unreachableText
      ) : (
        <>
          {text.app.crashedText}
          <pre className="m-code">{error.message}</pre>
        </>
      )}
    </Alert>
  );
}
