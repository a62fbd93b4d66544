import type { Catalogue } from "../i18n/en";

/** What all charts say: the switch to a table, and how a part is chosen with the keyboard. */
export function chartWords(text: Catalogue) {
  return {
    showTable: text.common.showTable,
    showChart: text.common.showChart,
    keys: text.common.choiceKeys,
    nothing: text.common.choiceNone,
    draft: text.common.choiceDraft,
  };
}
