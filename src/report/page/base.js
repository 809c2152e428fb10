/* What every section draws with: words and numbers, elements, charts, tables. All shown comes from the document, as text and never as markup. */

const doc = JSON.parse(document.getElementById('document').textContent);
const main = document.getElementById('main');
const { Chart } = RefoldCharts;
Chart.register(...Object.values(RefoldCharts).filter((part) => part !== Chart));

/* ---- words and numbers ---- */

const known = (x) => typeof x === 'number' && isFinite(x);
const fixed = (digits) => (x) => (known(x) ? x.toFixed(digits) : '–');
const sigmas = (x) => (!known(x) ? '–' : Math.abs(x) >= 0.1 ? x.toFixed(2) : Math.abs(x) < 1e-5 ? '0' : String(Number(x.toPrecision(2))));
const whole = (x) => (known(x) ? Math.round(x).toLocaleString('en-US') : '–');
const brief = (x) => (!known(x) ? '–' : x === 0 ? '0' : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(1)
    : String(Number(x.toPrecision(4))));
const percent = (x) => (!known(x) ? '–' : x === 0 ? '0' : x < 1e-4 ? '< 0.01' : (100 * x).toFixed(x < 0.1 ? 2 : 1));
const bytes = (x) => (!known(x) ? '–' : x < 1024 ? `${x} B` : x < 1048576 ? `${(x / 1024).toFixed(1)} KiB` : `${(x / 1048576).toFixed(2)} MiB`);
const file = (path) => String(path).split('/').pop();
const rms = (list) => Math.sqrt(list.reduce((sum, x) => sum + x * x, 0) / Math.max(1, list.length));
const largest = (list, of) => list.reduce((best, x) => (known(of(x)) && of(x) > best ? of(x) : best), -Infinity);

function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
        else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

/* ---- sections ---- */

function section(id, short, title, note) {
    const box = el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title` }, title));
    if (note) box.append(el('p', { class: 'note' }, note));
    document.getElementById('nav').append(el('a', { href: `#${id}` }, short));
    main.append(box);
    return box;
}

/* ---- charts, drawn anew when the colours change ---- */

const plots = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const clear = (hex, share) => hex + Math.round(255 * share).toString(16).padStart(2, '0');

function axis(title, extra) {
    return { title: { display: Boolean(title), text: title, color: colour('soft') }, grid: { color: colour('grid') },
        border: { color: colour('line') }, ticks: { color: colour('soft'), maxRotation: 0, autoSkipPadding: 14 }, ...extra };
}

function options(x, y, extra) {
    const more = extra || {};
    return { responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
        interaction: { mode: 'index', intersect: false }, ...more,
        scales: { x, y, ...(more.scales || {}) },
        plugins: { legend: { display: false, position: 'top', align: 'end', labels: { color: colour('text'), usePointStyle: true, pointStyle: 'rectRounded', boxHeight: 7 } },
            tooltip: { backgroundColor: colour('card'), titleColor: colour('text'), bodyColor: colour('text'),
                borderColor: colour('line'), borderWidth: 1, padding: 9, boxPadding: 4, usePointStyle: true }, ...(more.plugins || {}) } };
}

const withLegend = (config) => { config.options.plugins.legend.display = true; return config; };

/* `make` gives the configuration in the colours of now. */
function plot(box, name, make, low) {
    const canvas = el('canvas', { role: 'img', 'aria-label': name });
    const item = { name, canvas, make, chart: null };
    box.append(el('div', { class: low ? 'plot low' : 'plot' }, canvas));
    item.draw = () => { if (item.chart) item.chart.destroy(); item.chart = new Chart(canvas, item.make()); };
    item.draw();
    plots.push(item);
    return item;
}

const series = (label, data, name, extra) => {
    const c = colour(name);
    return { label, data, borderColor: c, backgroundColor: clear(c, 0.75), pointRadius: 0, pointHoverRadius: 4, borderWidth: 2, ...extra };
};

/* ---- tables ---- */

/*
 * columns: { label, value(row), show(value), text, bar, flag(value), title }. Sorted by `by` at first; a click on a head sorts, a
 * second one turns the order. Optional columns without a number are left out; `by` stands before them. pick(row) is called for the row that is chosen; the first one is from the start.
 */
function table(box, name, all, rows, { by, up, pick } = {}) {
    const columns = all.filter((c, i) => !c.optional || i === by || rows.some((r) => known(c.value(r))));
    const state = { column: by, up: Boolean(up), chosen: null };
    const tops = columns.map((c) => (c.bar ? largest(rows, (r) => Math.abs(c.value(r))) : 0));
    const body = el('tbody');
    const heads = columns.map((c, i) => el('th', { scope: 'col', class: c.text ? 'text' : undefined, title: c.title },
        el('button', { type: 'button', onclick: () => sort(i) }, c.label)));

    const cell = (row, c, i) => {
        const value = c.value(row);
        const shown = c.show ? c.show(value) : value === null || value === undefined ? '–' : String(value);
        const td = el('td', { class: [c.text && 'text', c.bar && 'bar', c.flag && c.flag(value) && 'flag'].filter(Boolean).join(' ') || undefined,
            title: i === 0 ? shown : undefined }, shown);
        if (c.bar && known(value) && tops[i] > 0) td.style.setProperty('--share', String(100 * Math.abs(value) / tops[i]));
        return td;
    };
    const choose = (row, tr) => {
        for (const other of body.children) other.setAttribute('aria-selected', String(other === tr));
        state.chosen = row;
        pick(row);
    };
    const line = (row) => {
        const tr = el('tr', pick ? { class: 'pick', tabindex: '0', onclick: () => choose(row, tr),
            onkeydown: (e) => { if (e.key === 'Enter') choose(row, tr); } } : {}, ...columns.map((c, i) => cell(row, c, i)));
        if (pick) tr.setAttribute('aria-selected', String(row === state.chosen));
        return tr;
    };
    const order = (a, b) => {
        const x = columns[state.column].value(a), y = columns[state.column].value(b);
        const none = (v) => v === null || v === undefined || (typeof v === 'number' && isNaN(v));
        if (none(x) || none(y)) return none(x) - none(y);
        const way = state.up ? 1 : -1;
        return typeof x === 'string' ? way * x.localeCompare(String(y), 'en', { numeric: true }) : way * (x - y);
    };
    const fill = () => {
        const sorted = state.column === undefined ? rows : [...rows].sort(order);
        heads.forEach((th, i) => (i === state.column ? th.setAttribute('aria-sort', state.up ? 'ascending' : 'descending') : th.removeAttribute('aria-sort')));
        if (pick && !state.chosen && sorted.length) { state.chosen = sorted[0]; pick(sorted[0]); }
        body.replaceChildren(...sorted.map(line));
    };
    const sort = (i) => {
        state.up = state.column === i ? !state.up : Boolean(columns[i].text);
        state.column = i;
        fill();
    };
    fill();
    box.append(el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name }, el('table', {}, el('thead', {}, el('tr', {}, ...heads)), body)));
}

/* Names and values. */
function facts(box, list) {
    box.append(el('dl', { class: 'facts' }, ...list.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, String(value))))));
}
