// The account that questions are about, where that is not the one that asks: it linked its metrics to this one.

import { createContext, useContext } from "react";

export const AskedAccount = createContext<string | undefined>(undefined);

export function useAskedAccount(): string | undefined {
  return useContext(AskedAccount);
}
