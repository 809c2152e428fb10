/* Puts the sections of a report in their order. */

/* ---- light and dark ---- */

function theme() {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => plots.forEach((p) => p.draw());
    document.getElementById('theme').addEventListener('click', () => {
        const root = document.documentElement;
        const now = root.dataset.theme || (dark.matches ? 'dark' : 'light');
        root.dataset.theme = now === 'dark' ? 'light' : 'dark';
        redraw();
    });
    dark.addEventListener('change', redraw);
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
Chart.defaults.font.size = 12;
head();
for (const part of [workflow, training, batchNorms, weights, activations, errors, sensitivity, sizes, repeat]) part();
document.getElementById('foot').append(`refold ${doc.machine.refold}. This file holds all it shows; nothing is loaded from anywhere. Charts: Chart.js, MIT licence.`);
theme();
window.refoldReport = { document: doc, plots };
