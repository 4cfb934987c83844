// Opens the page of `orrery report` in a real browser and uses it as a person would: looks, clicks,
// zooms, searches, takes the keyboard. Exit 77, a skip, without Chromium or playwright-core.
//
// usage: node report_test.mjs ORRERY SCENARIO

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHROMIUM = "/usr/bin/chromium";  // Debian's
const SKIP = 77;

const skip = (why) => {
  console.log("skipped: " + why);
  process.exit(SKIP);
};

if (!existsSync(CHROMIUM)) skip("there is no " + CHROMIUM);
const { chromium } = await import("playwright-core").catch(() =>
  skip("playwright-core is not installed below tests/browser"));

const [orrery, scenario] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "orrery-report-"));
const run = (...words) => execFileSync(orrery, words, { encoding: "utf8" });

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

// What the page says of itself.
const state = (page) => page.evaluate(() => {
  const { timeline, runs } = window.orrery;
  return { from: timeline.from, to: timeline.to, top: timeline.top, redraws: timeline.redraws.length,
    selected: timeline.selected && { ...timeline.selected, peers: undefined }, spans: runs[0].spans.count };
});

// How many colours the canvas shows: more than a page without spans has.
const colours = (page) => page.evaluate(() => {
  const canvas = document.getElementById("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < pixels.length; i += 4) seen.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
  return seen.size;
});

// A place on the canvas in the middle of the longest span of a cause.
const placeOf = (page, cause) => page.evaluate((wanted) => {
  const { timeline, runs } = window.orrery;
  const spans = runs[0].spans;
  let longest = -1;
  for (let i = 0; i < spans.count; ++i) {
    if (spans.causes[spans.cause[i]] !== wanted) continue;
    if (longest < 0 || spans.length[i] > spans.length[longest]) longest = i;
  }
  return { x: timeline.x(spans.start[longest] + spans.length[longest] / 2),
    y: timeline.yOf(timeline.rowOf(0, spans.lane[longest])) + 8,
    label: spans.labels[spans.label[longest]], peers: spans.instance.filter((one) => one === spans.instance[longest]).length };
}, cause);

const test = async (page, requests) => {
  const began = Date.now();
  await page.goto("file://" + join(folder, "report.html"));
  await page.waitForFunction(() => document.documentElement.dataset.ready !== undefined);
  const opened = Date.now() - began;
  assert.deepEqual(requests.filter((url) => !url.startsWith("file://")), [], "the page asks nobody");

  const first = await state(page);
  assert.ok(first.spans > 0);
  assert.ok(await colours(page) > 5, "the canvas shows spans");
  const bars = await page.locator("#breakdown svg rect").count();
  assert.ok(bars > 0, "the breakdown has bars");
  assert.ok(await page.locator("#load svg rect").count() > 0, "the heat map has cells");
  assert.ok(await page.locator("#memory svg path").count() > 0, "memory has areas");

  // A click on an op says what it is; what it meets is drawn.
  const canvas = page.locator("#canvas");
  await canvas.scrollIntoViewIfNeeded();
  const collective = await placeOf(page, "tensor_parallel");
  await canvas.click({ position: { x: collective.x, y: collective.y } });
  const clicked = await page.locator("#selected").textContent();
  assert.ok(clicked.includes("tensor parallel"), `a click says what was clicked, got "${clicked}"`);

  // The buttons and the wheel zoom, the keyboard moves.
  await page.locator("#zoom-in").click();
  const nearer = await state(page);
  assert.ok(nearer.to - nearer.from < first.to - first.from);
  await canvas.hover({ position: { x: 500, y: 60 } });
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -400);
  await page.keyboard.up("Control");
  await page.waitForFunction((length) => window.orrery.timeline.to - window.orrery.timeline.from < length, nearer.to - nearer.from);
  const wheeled = await state(page);
  await canvas.focus();
  await page.keyboard.press("ArrowRight");
  assert.ok((await state(page)).from > wheeled.from);
  await page.keyboard.press("c");
  const critical = await page.locator("#selected").textContent();
  assert.ok(critical.includes("on the critical path"), `"c" goes along the critical path, got "${critical}"`);
  await page.keyboard.press("0");
  assert.equal((await state(page)).to, first.to);

  // A search counts what it finds and goes there.
  await page.keyboard.press("/");
  await page.keyboard.type("FORWARD");
  const expected = await page.evaluate(() => {
    const { spans } = window.orrery.runs[0];
    return [...spans.label].filter((label) => spans.labels[label].includes("forward")).length;
  });
  assert.ok(expected > 0);
  assert.equal(await page.locator("#matches").textContent(), `${expected} matches`);
  await page.keyboard.press("Enter");
  assert.ok((await page.locator("#selected").textContent()).includes("forward"));
  assert.ok((await page.screenshot()).length > 20000, "the page is not empty");

  // Redraws at many places and widths, for the figure below.
  await page.locator("#search").fill("");
  await page.evaluate(async () => {
    const { timeline } = window.orrery;
    timeline.redraws = [];
    for (let i = 0; i < 60; ++i) {
      const length = timeline.whole / 2 ** (i % 12);
      timeline.view(((i * 37) % 60) / 60 * (timeline.whole - length), 0);
      timeline.view(timeline.from, timeline.from + length);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
  });
  const redraws = await page.evaluate(() => window.orrery.timeline.redraws);
  const ready = await page.evaluate(() => document.documentElement.dataset.ready);
  console.log(`${first.spans} spans: opened in ${opened} ms, of which the page took ${ready} ms; `
    + `redraw: median ${median(redraws).toFixed(1)} ms, worst ${Math.max(...redraws).toFixed(1)} ms`);

  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator(".tools").isVisible(), false, "no buttons on paper");
};

let browser;
try {
  run("run", scenario, "--out", join(folder, "a"));
  run("run", scenario, "--set", "/workload/global_batch=16", "--out", join(folder, "b"));
  run("report", join(folder, "a"), "--no-what-if", "--out", join(folder, "report.html"));
  run("report", join(folder, "a"), join(folder, "b"), "--no-what-if", "--out", join(folder, "two.html"));
  browser = await chromium.launch({ executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme });
    page.setDefaultTimeout(120_000); // a loaded machine is slow, not wrong
    const requests = [];
    const errors = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(error.message));
    if (colorScheme === "light") {
      await test(page, requests);
    } else {  // two runs, in the dark
      await page.goto("file://" + join(folder, "two.html"));
      await page.waitForFunction(() => document.documentElement.dataset.ready !== undefined);
      assert.ok(await page.locator("#difference").isVisible());
      assert.ok(await colours(page) > 5);
    }
    assert.deepEqual(errors, []);
    await page.close();
  }
} finally {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
}
