import { readFileSync } from "node:fs";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const server = process.env.MITOSHI_URL ?? "http://127.0.0.1:2001";

// The console and the AWS-compatible API share one origin in the binary, so the
// development server forwards every call that is not a page or a module.
const operations = [
  "/TraceSummaries",
  "/Traces",
  "/TraceGraph",
  "/ServiceGraph",
  "/TimeSeriesServiceStatistics",
  "/GetSamplingRules",
  "/CreateSamplingRule",
  "/UpdateSamplingRule",
  "/DeleteSamplingRule",
  "/Groups",
  "/CreateGroup",
  "/UpdateGroup",
  "/DeleteGroup",
  "/ListTagsForResource",
  "/TagResource",
  "/UntagResource",
  "/InsightSummaries",
  "/Insight",
  "/InsightEvents",
  "/InsightImpactGraph",
  "/api",
  // Synthetics: what is called like a page is told from it by its method, below.
  "/canary",
  "/runtime-versions",
  "/resource/",
  "/tags/",
  "^/group(/.*)?$",
  "^/status$",
];

/** A page of the console where it is asked for, a call of the API where something is posted. */
const posted = ["^/$", "^/groups$", "^/canaries(/last-run)?$"];

const fonts =
  '"Open Sans", "Helvetica Neue", Roboto, Arial, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, sans-serif';

// Cloudscape's font family is a custom property whose name ends in a hash of the release.
// Its stylesheet tells the name; ours then appends fonts that have Japanese glyphs.
function japaneseFonts(): Plugin {
  const id = "virtual:fonts.css";
  const styles = "node_modules/@cloudscape-design/components/button/styles.scoped.css";
  return {
    name: "japanese-fonts",
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(source) {
      if (source !== `\0${id}`) return undefined;
      const names = new Set(readFileSync(styles, "utf8").match(/--font-family-base-\w+/g));
      return `body { font-family: ${fonts}; ${[...names].map((n) => `${n}: ${fonts};`).join(" ")} }`;
    },
  };
}

export default defineConfig({
  plugins: [react(), japaneseFonts()],
  build: { target: "es2022", chunkSizeWarningLimit: 1600, sourcemap: false },
  // The server answers only pages of its own origin: it must see the address that the browser sees.
  server: {
    proxy: {
      ...Object.fromEntries(
        operations.map((path) => [path, { target: server, changeOrigin: false }]),
      ),
      ...Object.fromEntries(
        posted.map((path) => [
          path,
          {
            target: server,
            changeOrigin: false,
            bypass: (request: { method?: string; url?: string }) =>
              request.method === "POST" ? undefined : request.url,
          },
        ]),
      ),
    },
  },
});
