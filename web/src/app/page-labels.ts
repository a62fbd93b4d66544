import type { Catalogue } from "../i18n/en";

/** What the buttons below a table of several pages are called. */
export function paginationLabels(text: Catalogue) {
  return {
    nextPageLabel: text.traces.nextPage,
    previousPageLabel: text.traces.previousPage,
    pageLabel: text.traces.page,
  };
}
