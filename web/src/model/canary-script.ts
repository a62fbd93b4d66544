// Scripts to begin with, one for each runtime that runs scripts.

export const scriptRuntimes = [
  "syn-nodejs-puppeteer-15.0",
  "syn-nodejs-playwright-6.0",
  "syn-nodejs-3.1",
  "syn-python-selenium-10.0",
] as const;

export const scriptHandler = "index.handler";

export function scriptTemplate(runtime: string, url: string): string {
  const address = JSON.stringify(url || "https://example.com/");
  if (runtime.includes("python"))
    return `from aws_synthetics.selenium import synthetics_webdriver as webdriver
from aws_synthetics.common import synthetics_logger as logger


def handler(event, context):
    browser = webdriver.Chrome()

    def home():
        browser.get(${address})
        logger.info("title: " + browser.title)
        if not browser.title:
            raise Exception("the page has no title")

    webdriver.execute_step("home", home)
`;
  // Playwright's runtime takes ES modules.
  if (runtime.includes("playwright"))
    return `import { synthetics } from "@amzn/synthetics-playwright";

export const handler = async () => {
  const browser = await synthetics.launch();
  const page = await synthetics.newPage(browser);
  await synthetics.executeStep("home", async () => {
    const response = await page.goto(${address}, { waitUntil: "load", timeout: 30000 });
    if (!response.ok()) throw new Error("the page answered with " + response.status());
  });
  await synthetics.close();
};
`;
  if (runtime.includes("puppeteer"))
    return `const synthetics = require("Synthetics");
const log = require("SyntheticsLogger");

exports.handler = async () => {
  const page = await synthetics.getPage();
  await synthetics.executeStep("home", async () => {
    const response = await page.goto(${address}, { waitUntil: "domcontentloaded", timeout: 30000 });
    if (!response.ok()) throw new Error("the page answered with " + response.status());
    log.info("title: " + (await page.title()));
  });
};
`;
  return `const { synthetics } = require("@aws/synthetics-core");

exports.handler = async () => {
  const { protocol, hostname, port, pathname, search } = new URL(${address});
  const request = { method: "GET", protocol, hostname, port, path: pathname + search };
  await synthetics.executeHttpStep("home", request, async (response) => {
    if (response.statusCode >= 400) throw new Error("it answered with " + response.statusCode);
  });
};
`;
}
