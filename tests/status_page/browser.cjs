// What a person does with the page, in a browser. Takes {"moment", "alarms", "hostile", "keyboard", "then_cut", "token", "forms", "half_open"}; leaves screenshots in OUT.
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

// With the keyboard alone: an order is tried, refused, given and lifted. `token` is the right one.
const orders = async (page, token) => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const said = (id) => page.evaluate((id) => document.getElementById(id).textContent, id);
  const until = (what, act, ...more) => page.waitForFunction(act, { timeout: 10000 }, ...more)
    .catch(async () => assert.fail(what + ": " + await page.evaluate(() => document.getElementById("order").innerText)));
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute("aria-label"));
  const tabTo = async (name) => {
    for (let n = 0; n < 60; n++) {
      const here = await focused();
      if (here !== null && here.startsWith(name)) {
        assert.notStrictEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none", name + ": where the focus is can be seen");
        return;
      }
      await page.keyboard.press("Tab");
    }
    assert.fail("Tab leads to " + name);
  };
  const looks = async (name) => {
    for (const [scheme, width] of [["light", 1200], ["dark", 1200], ["light", 320], ["dark", 320]]) {
      await theme(page, scheme);
      await page.setViewport({ width, height: 700 });
      await pause(100);
      await narrow(page);
      const fits = await page.evaluate(() => { const one = document.getElementById("order"); return !one.open || one.scrollWidth <= one.clientWidth; });
      assert.ok(fits, name + ", " + width + " px: the form fits");
      await sound(page, name + ", " + scheme + ", " + width + " px");
      await page.screenshot({ path: path.join(process.env.OUT, plan.moment + "-" + name + "-" + scheme + "-" + width + ".png") });
    }
    await theme(page, "light");
    await page.setViewport({ width: 1200, height: 900 });
  };
  const isOpen = () => page.evaluate(() => document.getElementById("order").open);
  await page.evaluate(() => document.activeElement.blur());
  await openAll(page);

  await tabTo("Give an order … for virginia");
  await page.keyboard.press("Enter");
  assert.strictEqual(await isOpen(), true);
  assert.ok(await page.evaluate(() => document.getElementById("order").contains(document.activeElement)), "the focus is in the form");
  await looks("a-form");
  // Tab stays in the form.
  for (let n = 0; n < 15; n++) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.getElementById("order").contains(document.activeElement)));
  }
  await tabTo("order-reason");
  await page.keyboard.press("Enter");
  assert.ok((await said("order-problem")).includes("is empty"));
  await page.keyboard.type("change <b>4711</b>");
  await tabTo("order-by");
  await page.keyboard.type("anna");
  await tabTo("order-token");
  await page.keyboard.type("a wrong one");
  await page.keyboard.press("Enter");
  await until("a wrong token is told", () => document.getElementById("order-problem").textContent.includes("the token is wrong"));
  await looks("b-wrong-token");

  await tabTo("order-token");
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
  await until("the effect is shown", () => !document.getElementById("order-do").hidden);
  const effect = await said("order-effect");
  assert.ok(/Affectedvirginia/.test(effect) && /Left for reads.*ireland/.test(effect), effect);
  assert.strictEqual(await page.evaluate(() => document.querySelectorAll("#orders li").length), 0, "nothing was given yet");
  await looks("c-effect");
  // Whoever changes what is asked for must look again.
  await tabTo("order-by");
  await page.keyboard.press("End");
  await page.keyboard.type("x");
  assert.strictEqual(await page.evaluate(() => document.getElementById("order-do").hidden), true);
  await page.keyboard.press("Backspace");
  // Escape closes, and the focus is back where it was.
  const escape = async () => {
    await page.keyboard.press("Escape");
    await until("the form is closed", () => !document.getElementById("order").open);
    await pause(200); // the browser tells of it late
  };
  await escape();
  assert.ok((await focused()).startsWith("Give an order … for virginia"));

  await page.keyboard.press("Enter");
  await tabTo("order-reason");
  await page.keyboard.type("change <b>4711</b>");
  await page.keyboard.press("Enter");
  await until("the token is still known", () => !document.getElementById("order-do").hidden);
  await tabTo("order-do");
  await page.keyboard.press("Enter");
  await until("the order is in force", () => document.querySelectorAll("#orders li").length === 1);
  assert.strictEqual(await isOpen(), false);
  assert.ok((await said("orders")).includes("change <b>4711</b>"));
  await pause(2500);
  await openAll(page);
  await looks("d-in-force");

  // What would leave nothing is refused.
  await tabTo("Give an order … for ireland");
  await page.keyboard.press("Enter");
  await tabTo("order-reason");
  await page.keyboard.type("typo");
  await page.keyboard.press("Enter");
  await until("the refusal is shown", () => document.getElementById("order-effect").textContent.includes("It would be refused"));
  assert.strictEqual(await page.evaluate(() => document.getElementById("order-do").hidden), true);
  await looks("e-refused");
  await escape();

  await tabTo("Lift … order");
  await page.keyboard.press("Enter");
  await tabTo("order-try");
  await page.keyboard.press("Enter");
  await until("the effect of the lifting is shown", () => !document.getElementById("order-do").hidden);
  await looks("f-lift");
  await tabTo("order-do");
  await page.keyboard.press("Enter");
  await until("the order is lifted", () => document.getElementById("orders").hidden);

  const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length, document.documentElement.outerHTML]);
  assert.deepStrictEqual(kept.slice(0, 3), ["", 0, 0], "the token is kept nowhere");
  assert.ok(!kept[3].includes(token));
  await page.reload({ waitUntil: "domcontentloaded" });
  await page.waitForFunction(() => !document.getElementById("summary").textContent.startsWith("Loading"));
  assert.strictEqual(await page.evaluate(() => document.getElementById("order-token").value), "", "and is gone with the page");
};

// Each form in turn, whatever its endpoint is called.
const forms = async (page) => {
  await openAll(page);
  const buttons = await page.$$("main button");
  assert.ok(buttons.length > 3);
  for (const [index, button] of buttons.entries()) {
    await button.evaluate((one) => one.click());
    assert.ok(await page.evaluate(() => document.getElementById("order").open));
    if (index < 2) await sound(page, "form " + index);
    if (index === 0) await shot(page, "form");
    await page.setViewport({ width: 320, height: 700 });
    await narrow(page);
    assert.ok(await page.evaluate(() => { const one = document.getElementById("order"); return one.scrollWidth <= one.clientWidth; }), "the form fits");
    await page.setViewport({ width: 1200, height: 900 });
    assert.strictEqual(await page.evaluate(() => document.querySelectorAll("#order img, #order script, #order b, #order i").length), 0);
    await page.evaluate(() => document.getElementById("order").close());
    await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
  }
};

// The connection is cut, and neither end hears of it: the page says so, and finds the process again.
const halfOpen = async (page) => {
  await page.waitForFunction(() => document.getElementById("facts").textContent.includes("live"), { timeout: 10000 });
  await page.waitForFunction(() => document.getElementById("alarms").textContent.includes("stale"), { timeout: 30000 });
  await page.waitForFunction(() => document.getElementById("facts").textContent.includes("live") && document.getElementById("alarms").textContent === "", { timeout: 30000 });
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
    page.on("console", (message) => { if (message.type() === "error" && !/status of 503|ERR_FAILED|ERR_INTERNET|ERR_CONNECTION|ERR_INCOMPLETE|status of 401/.test(message.text())) wrong.push(message.text()); });
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
    if (!plan.then_cut) fs.writeFileSync(path.join(process.env.OUT, plan.moment + ".json"), await page.evaluate(() => fetch("?json").then((answer) => answer.text())));
    if (plan.half_open) {
      await halfOpen(page);
      assert.deepStrictEqual(wrong, []);
      return console.log("chromium: " + plan.moment + " is sound");
    }
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
    if (plan.forms) await forms(page);
    if (plan.token) await orders(page, plan.token);
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
