// usage: node browser.mjs MODULES PAGE [FOLDER]: open a report in Chromium and print what was found as JSON; screenshots go to FOLDER.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const [modules, file, folder] = process.argv.slice(2);
const { chromium } = createRequire(resolve(modules, 'x.js'))('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const found = { errors: [], requests: 0, overflow: {} };

async function open(width, height, scheme, scale) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale ?? 1 });
    const page = await context.newPage();
    page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) found.errors.push(m.text()); });
    page.on('pageerror', (e) => found.errors.push(String(e)));
    page.on('dialog', (d) => { found.errors.push('a dialog'); d.dismiss(); });
    page.on('request', () => { found.requests++; });
    await page.goto(pathToFileURL(resolve(file)).href);
    return page;
}

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const shoot = async (page, name, fullPage) => { if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage }); };

const page = await open(1180, 860, 'light');
Object.assign(found, await page.evaluate(() => ({
    title: document.title,
    sections: [...document.querySelectorAll('nav a')].map((a) => a.textContent),
    charts: window.refoldReport.plots.length,
    empty: window.refoldReport.plots.filter((p) => !p.chart.data.datasets.some((d) => d.data.some((v) => Number.isFinite(typeof v === 'object' && v ? v.y : v)))).map((p) => p.name),
    injected: document.querySelectorAll('img, b[onclick], iframe').length + document.querySelectorAll('script').length - 3,
})));
found.loaded = found.requests;
found.light = await background(page);
found.overflow[1180] = await overflow(page);

// Sorting: worst first from the start, then by a click on a head, and by another one the other way round.
const column = (id, i) => page.evaluate(([id, i]) =>
    [...document.querySelector(`#${id} table`).querySelectorAll('tbody tr')].map((tr) => tr.children[i].textContent.replace(/,/g, '')), [id, i]);
const numbers = (list) => list.map(Number).filter(Number.isFinite);
const ordered = (list, way) => numbers(list).every((x, i, all) => i === 0 || way * (x - all[i - 1]) >= 0);
if (found.sections.includes('BatchNorm')) found.worst_first = ordered(await column('bn', 1), -1);
const head = page.locator('#weights table >> nth=0').locator('th button').nth(2);
await head.click();
found.sorted_down = ordered(await column('weights', 2), -1);
await head.click();
found.sorted_up = ordered(await column('weights', 2), 1);

// Another row, another distribution; and the bar under the pointer tells its number.
const rows = page.locator('#weights table >> nth=0').locator('tbody tr');
const heading = page.locator('#weights .detail h3');
await rows.nth(0).click();
const before = await heading.textContent();
await rows.nth(1).click();
found.detail_follows = before !== await heading.textContent();
// What a chart says to the pointer over its middle.
const told = async (name) => {
    const canvas = page.locator(`canvas[aria-label="${name}"]`);
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const text = () => page.evaluate((name) => {
        const { tooltip } = window.refoldReport.plots.find((p) => p.name === name).chart;
        return tooltip && tooltip.opacity > 0 ? [...tooltip.title, ...tooltip.body.flatMap((b) => b.lines)].join(' | ') : '';
    }, name);
    for (let i = 0; i < 100 && !await text(); i++) await page.waitForTimeout(20);
    return text();
};
found.tooltip = await told('distribution of integer codes');
if (found.sections.includes('Sensitivity')) {
    const layers = () => page.evaluate(() => window.refoldReport.plots.find((p) => p.name === 'harm by layer').chart.data.labels);
    const weights = await layers();
    found.harm_tooltip = await told('harm by layer');
    await page.locator('#sensitivity button', { hasText: 'activations' }).first().click();
    found.kinds_differ = weights.length > 0 && JSON.stringify(weights) !== JSON.stringify(await layers());
    found.harm_first = ordered(await page.$$eval('#sensitivity table', (all) => [...all[1].querySelectorAll('tbody tr')].map((tr) => tr.children[1].textContent)), -1);
}

const dark = await open(1180, 860, 'dark');
found.dark = await background(dark);
await dark.click('#theme');
found.toggled = await background(dark);
await dark.click('#theme');
for (const width of [360, 390, 768]) {
    const phone = await open(width, 800, width === 390 ? 'dark' : 'light');
    found.overflow[width] = await overflow(phone);
    if (width === 390) await shoot(phone, 'phone', true);
}
if (folder) {
    await page.mouse.move(0, 0);
    await page.evaluate(() => scrollTo(0, 0));
    await shoot(page, 'light', true);
    await shoot(dark, 'dark', true);
    const top = await open(1180, 1490, 'light');
    await shoot(top, 'top');
    if (found.sections.includes('Sensitivity')) await top.locator('#sensitivity').screenshot({ path: `${folder}/sensitivity.png` });
}
await browser.close();
console.log(JSON.stringify(found));
