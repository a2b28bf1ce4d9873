// What a person does with the page, in a browser. Takes {"moment", "alarms", "hostile", "keyboard", "then_cut"}; leaves screenshots in OUT.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const packages = process.env.PACKAGES;
const puppeteer = require(path.join(packages, "puppeteer-core"));
const axe = fs.readFileSync(path.join(packages, "axe-core", "axe.min.js"), "utf8");
const plan = JSON.parse(process.argv[2]);
const address = process.env.PAGE;

const shot = (page, name) => page.screenshot({ path: path.join(process.env.OUT, plan.moment + "-" + name + ".png"), fullPage: true });

// Every rule that axe has, best practices among them.
const sound = async (page, state) => {
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const wrong = result.violations.map((one) => one.id + ": " + one.help + "\n  " + one.nodes.map((node) => node.html.slice(0, 300) + "\n  " + node.failureSummary).join("\n  "));
  assert.deepStrictEqual(wrong, [], state);
  assert.ok(result.passes.length > 10, state + ": axe has looked at something");
};

const openAll = (page) => page.evaluate(async () => {
  const frames = (n) => new Promise((done) => { const next = () => (n-- > 0 ? requestAnimationFrame(next) : done()); next(); });
  // What opens makes more to open.
  for (let round = 0; round < 3; round++) {
    for (const one of document.querySelectorAll("details")) one.open = true;
    await frames(4);
  }
});

const narrow = async (page) => {
  const { inner, scroll, wide } = await page.evaluate(() => ({
    inner: document.documentElement.clientWidth,
    scroll: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
      .map((one) => one.outerHTML.slice(0, 120)).slice(0, 5),
  }));
  assert.ok(scroll <= inner, "at " + inner + " px the page is " + scroll + " px wide: " + wide.join("\n"));
};

// Tab goes through every part that opens, in the order on the screen, and Enter opens and closes.
const keyboard = async (page) => {
  await page.evaluate(() => { document.activeElement.blur(); for (const one of document.querySelectorAll("details")) one.open = false; });
  await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
  const expected = await page.evaluate(() => [...document.querySelectorAll("summary")].filter((one) => one.checkVisibility()).length);
  assert.ok(expected >= 2, "there is something to open");
  let above = -1;
  for (let n = 0; n < expected; n++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      return { tag: one.tagName, top: one.getBoundingClientRect().top + scrollY, outline: getComputedStyle(one).outlineStyle };
    });
    assert.strictEqual(at.tag, "SUMMARY", "Tab " + n + " of " + expected);
    assert.ok(at.top > above, "Tab goes down the page");
    assert.notStrictEqual(at.outline, "none", "where the focus is can be seen");
    above = at.top;
  }
  const isOpen = () => page.evaluate(() => document.activeElement.parentElement.open);
  await page.keyboard.press("Enter");
  assert.strictEqual(await isOpen(), true);
  // A state that arrives meanwhile takes neither focus nor what is open.
  await page.evaluate(() => new Promise((done) => setTimeout(done, 2500)));
  assert.strictEqual(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
  assert.strictEqual(await isOpen(), true);
  await page.keyboard.press("Space");
  assert.strictEqual(await isOpen(), false);
};

const theme = (page, scheme) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);

(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "status-page-"));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    userDataDir: profile,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  try {
    const page = await browser.newPage();
    const wrong = [];
    const outside = [];
    page.on("console", (message) => { if (message.type() === "error" && !/status of 503|ERR_FAILED|ERR_INTERNET|ERR_CONNECTION|ERR_INCOMPLETE/.test(message.text())) wrong.push(message.text()); });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (request) => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) outside.push(request.url()); });
    await page.setViewport({ width: 1200, height: 900 });
    await theme(page, "light");
    const answer = await page.goto(address, { waitUntil: "domcontentloaded" });
    const nonce = /nonce-([0-9a-f]+)/.exec(answer.headers()["content-security-policy"]);
    assert.ok(nonce);
    const loaded = () => page.waitForFunction(() => !document.getElementById("summary").textContent.startsWith("Loading"), { timeout: 10000 });
    await loaded();
    if (plan.then_cut) {
      const session = await page.createCDPSession();
      await session.send("Network.enable");
      await session.send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 });
      await page.waitForFunction(() => document.getElementById("alarms").textContent.includes("stale"), { timeout: 30000 });
    }
    for (const alarm of plan.alarms || []) {
      const alarms = await page.evaluate(() => document.getElementById("alarms").textContent);
      assert.ok(alarms.includes(alarm), alarm + " in: " + alarms);
    }
    assert.deepStrictEqual(wrong, [], "nothing complains, the content security policy among them");
    const text = await page.evaluate(() => document.body.innerText);
    assert.ok(text.includes("This process only"));
    // What the page was made of, beside its picture.
    if (!plan.then_cut) fs.writeFileSync(path.join(process.env.OUT, plan.moment + ".json"), await page.evaluate(() => fetch("status.json").then((answer) => answer.text())));
    await shot(page, "light");
    await sound(page, "light");
    await openAll(page);
    await sound(page, "light, all open");
    await shot(page, "open");
    await theme(page, "dark");
    await sound(page, "dark, all open");
    await shot(page, "dark-open");
    await page.setViewport({ width: 320, height: 700 });
    await openAll(page);
    await narrow(page);
    await sound(page, "320 px");
    await shot(page, "320");
    await page.setViewport({ width: 1200, height: 900 });
    if (plan.keyboard) await keyboard(page);
    if (plan.hostile) {
      assert.strictEqual(await page.evaluate(() => window.pwned), undefined);
      assert.strictEqual(await page.evaluate(() => document.querySelectorAll("img, main script, b, i, iframe").length), 0);
    }
    assert.deepStrictEqual(wrong, [], "nothing complains, the content security policy among them");
    assert.deepStrictEqual(outside, [], "nothing is fetched from elsewhere");
    console.log("chromium: " + plan.moment + " is sound");
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
})().catch((error) => { console.error(error); process.exit(1); });
