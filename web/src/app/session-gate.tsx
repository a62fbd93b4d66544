// Who has to sign in sees nothing else first. The address stays, so that the page that was asked for comes next.

import type { ReactNode } from "react";

import { useSession } from "../api/hook";
import { SignIn } from "./sign-in";

export function SessionGate({ children }: { children: ReactNode }) {
  const session = useSession();
  if (!session.isFetched) return null;
  // Without an answer the pages say themselves what is wrong.
  if (session.data?.required && session.data.user === null)
    return <SignIn ended={session.data.ended === true} />;
  return children;
}
