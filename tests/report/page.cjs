// Looks at a report in a browser. Takes the page's file; leaves pictures and a print in OUT.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const packages = process.env.PACKAGES;
const puppeteer = require(path.join(packages, "puppeteer-core"));
const axe = fs.readFileSync(path.join(packages, "axe-core", "axe.min.js"), "utf8");
const out = (name) => path.join(process.env.OUT, name);

(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "report-"));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    userDataDir: profile,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  try {
    const page = await browser.newPage();
    const said = [];
    const asked = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => asked.push(request.url()));
    await page.setViewport({ width: 1000, height: 1400 });
    await page.goto(pathToFileURL(process.argv[2]).href, { waitUntil: "load" });
    assert.strictEqual(asked.length, 1, "nothing is loaded beside the page: " + asked);
    await page.screenshot({ path: out("report.png"), fullPage: true });
    await page.evaluate(axe);
    const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    const wrong = result.violations.map((one) => one.id + ": " + one.help + " " + one.nodes.map((node) => node.html.slice(0, 200)).join(" "));
    assert.deepStrictEqual(wrong, []);
    assert.ok(result.passes.length > 10, "axe has looked at something");
    // Printed on A4, nothing is cut off at the right.
    await page.pdf({ path: out("report.pdf"), preferCSSPageSize: true, printBackground: true });
    await page.emulateMediaType("print");
    for (const width of [680, 320]) {
      await page.emulateMediaType(width === 680 ? "print" : "screen");
      await page.setViewport({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, "at " + width + " px the page is " + wide + " px too wide");
    }
    await page.screenshot({ path: out("report-narrow.png"), fullPage: true });
    assert.deepStrictEqual(said, []);
    console.log("the report was looked at");
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
