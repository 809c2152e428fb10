/* Draws the document of a report: everything shown comes from it, as text and never as markup. */
'use strict';
(() => {
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

    /* ---- what stands on top ---- */

    const run = doc.run || null;
    const steps = (run && run.steps) || [];
    const judged = steps.filter((s) => known(s.top1));

    function head() {
        document.title = `${doc.title} · refold report`;
        const sim = doc.simulation;
        main.append(el('h1', {}, doc.title), el('p', { class: 'lead' },
            `${sim.param_bw}-bit weights, ${sim.output_bw}-bit activations · ${sim.state.replace('_', ' ')} · ${doc.batch_norms.length} BatchNorm layers · ${whole(doc.size.parameters)} parameters`));
        const tiles = el('div', { class: 'tiles' });
        const tile = (label, value, unit, more) => tiles.append(el('div', { class: 'tile' }, el('div', { class: 'label' }, label),
            el('div', { class: 'value' }, value, unit ? el('small', {}, unit) : null), el('div', { class: 'more' }, more || ' ')));
        const first = judged.find((s) => s.step === 'fp32'), last = judged[judged.length - 1];
        if (first && last && first !== last) {
            const d = last.top1 - first.top1;
            tile('top-1, float32', first.top1.toFixed(2), '%', `loss ${fixed(4)(first.loss)}`);
            tile('top-1, at the end', last.top1.toFixed(2), '%', `${d >= 0 ? '+' : '−'}${Math.abs(d).toFixed(2)} points`);
        }
        tile('weights', bytes(doc.size.bytes), '', `${fixed(2)(doc.size.bits_per_weight)} bits each; float32 ${bytes(doc.size.float_bytes)}`);
        const dead = doc.params.reduce((sum, p) => sum + (p.dead_channels || 0), 0);
        const turned = doc.batch_norms.reduce((sum, b) => sum + b.negative_gamma, 0);
        tile('dead channels', whole(dead), '', `${whole(turned)} of negative γ`);
        const agreement = doc.errors && doc.errors.target && doc.errors.target.top1_agreement;
        if (known(agreement)) tile('ONNX Runtime', fixed(1)(agreement), '%', 'same class as the simulation');
        main.append(tiles);
    }

    /* ---- the workflow and training ---- */

    function workflow() {
        if (!steps.length) return;
        const box = section('workflow', 'Workflow', 'Workflow', judged.length ? 'Accuracy and loss on the held-out data after each step.' : 'No held-out data with labels was given: accuracy was not evaluated.');
        const names = judged.map((s) => s.step);
        if (judged.length) {
            const pair = el('div', { class: 'pair' });
            box.append(pair);
            const one = (title, unit, key, name) => {
                const half = el('div', {}, el('h3', {}, title));
                pair.append(half);
                plot(half, `${title} after each step`, () => ({ type: 'line',
                    data: { labels: names, datasets: [series(title, judged.map((s) => s[key]), name, { pointRadius: 4, pointHoverRadius: 6 })] },
                    options: options(axis('', { grid: { display: false } }), axis(unit, { grace: '12%' })) }), true);
            };
            one('Top-1', 'percent', 'top1', 'blue');
            one('Loss', 'cross-entropy', 'loss', 'orange');
        }
        const rows = steps.map((s, i) => ({ ...s, order: i, change: i && judged.length && known(s.top1) && known(steps[i - 1].top1) ? s.top1 - steps[i - 1].top1 : null }));
        const signed = (x) => (known(x) ? (x > 0 ? '+' : x < 0 ? '−' : '±') + Math.abs(x).toFixed(2) : '');
        box.append(el('div', { class: 'bar-of-tools' }));
        table(box, 'steps', [
            { label: 'step', value: (r) => r.step, text: true },
            { label: 'top-1, %', value: (r) => r.top1, show: fixed(2) },
            { label: 'change', value: (r) => r.change, show: signed },
            { label: 'top-5, %', value: (r) => r.top5, show: fixed(2), optional: true },
            { label: 'loss', value: (r) => r.loss, show: fixed(4) },
            { label: 'seconds', value: (r) => r.seconds, show: fixed(1), bar: true },
            { label: 'file', value: (r) => file(r.file || ''), text: true },
        ], rows);
    }

    function training() {
        const t = run && run.training;
        if (!t || !t.curve || !t.curve.step || !t.curve.step.length) return;
        const c = t.curve, epochs = t.epochs || [];
        const box = section('training', 'Training', 'Training', `${whole(c.step[c.step.length - 1])} steps; each point of the curves is the mean of ${t.steps_a_point === 1 ? 'one step' : `${t.steps_a_point} steps`}.`);
        const pair = el('div', { class: 'pair' });
        box.append(pair);
        const points = (list) => c.step.map((x, i) => ({ x, y: list[i] }));
        /* Batches differ: the mean over some 5 % of the steps shows where the curve goes. */
        const smooth = (list) => {
            const half = Math.floor(list.length / 40);
            return list.map((_, i) => { const part = list.slice(Math.max(0, i - half), i + half + 1); return part.reduce((a, b) => a + b, 0) / part.length; });
        };
        const curve = (title, unit, key, name, more) => {
            const half = el('div', {}, el('h3', {}, title));
            pair.append(half);
            plot(half, `${title} in training`, () => {
                const noisy = key !== 'lr' && c.step.length >= 80;
                const sets = [series('training', points(noisy ? smooth(c[key]) : c[key]), name)];
                if (noisy) sets.push(series('each point', points(c[key]), name, { borderWidth: 1, borderColor: clear(colour(name), 0.28), backgroundColor: clear(colour(name), 0.28), pointHoverRadius: 0 }));
                const held = epochs.filter((e) => e.validation && known(e.validation[key]));
                if (held.length) sets.push(series('held-out', held.map((e) => ({ x: e.step, y: e.validation[key] })), 'orange', { pointRadius: 4 }));
                const config = { type: 'line', data: { datasets: sets },
                    options: options(axis('step', { type: 'linear', min: c.step[0], max: c.step[c.step.length - 1] }), axis(unit, more), { interaction: { mode: 'nearest', axis: 'x', intersect: false } }) };
                return held.length || noisy ? withLegend(config) : config;
            }, true);
        };
        curve('Loss', 'cross-entropy', 'loss', 'blue');
        curve('Top-1', 'percent', 'top1', 'blue');
        curve('Learning rate', '', 'lr', 'green', { beginAtZero: true });
        if (epochs.length) {
            const half = el('div', {}, el('h3', {}, 'Epochs'));
            pair.append(half);
            table(half, 'epochs', [
                { label: 'epoch', value: (e) => e.epoch },
                { label: 'loss', value: (e) => e.loss, show: fixed(4) },
                { label: 'top-1, %', value: (e) => e.top1, show: fixed(2) },
                { label: 'held-out top-1, %', value: (e) => e.validation && e.validation.top1, show: fixed(2) },
            ], epochs);
        }
    }

    /* ---- batch norm ---- */

    function drift(bn) {
        const sigma = (v) => Math.sqrt(Math.max(v, 0) + bn.epsilon);
        const channels = bn.mean_after.map((mean, c) => ({ channel: c,
            shift: bn.mean_before ? (mean - bn.mean_before[c]) / sigma(bn.var_before[c]) : null,
            ratio: bn.var_before ? sigma(bn.var_after[c]) / sigma(bn.var_before[c]) : null,
            mean_before: bn.mean_before ? bn.mean_before[c] : null, mean_after: mean,
            var_before: bn.var_before ? bn.var_before[c] : null, var_after: bn.var_after[c], gamma: bn.gamma ? bn.gamma[c] : null }));
        const moved = bn.mean_before && bn.var_before;
        return { bn: bn.bn, layer: bn.layer, channels, count: bn.channels, negative: bn.negative_gamma,
            shift: moved ? rms(channels.map((c) => c.shift)) : null,
            worst: moved ? largest(channels, (c) => Math.abs(c.shift)) : null,
            spread: moved ? Math.exp(rms(channels.map((c) => Math.log(c.ratio)))) : null };
    }

    function batchNorms() {
        const rows = doc.batch_norms.filter((b) => b.mean_after && b.var_after).map(drift);
        if (!rows.length) return;
        const moved = rows.some((r) => r.shift !== null);
        const box = section('bn', 'BatchNorm', 'BatchNorm re-estimation', moved
            ? 'How far re-estimation moved the running statistics: the mean in old standard deviations (σ), and σ itself as a factor. Choose a layer to see its channels.'
            : 'The running statistics of each BatchNorm; what they were before re-estimation is not known here.');
        const detail = el('div', { class: 'detail' });
        const title = el('h3'), place = el('div', { class: 'pair' }), channelTable = el('div');
        const left = el('div'), right = el('div');
        place.append(left, right);
        let worstFirst = true, layer = null;
        const list = () => (worstFirst ? [...layer.channels].sort((a, b) => Math.abs(b.shift) - Math.abs(a.shift)) : layer.channels);
        const drawings = [];
        const button = el('button', { type: 'button', 'aria-pressed': 'true', onclick: () => {
            worstFirst = !worstFirst;
            button.setAttribute('aria-pressed', String(worstFirst));
            drawings.forEach((d) => d.draw());
        } }, 'worst channels first');
        const bars = (half, name, unit, key, hue, flat) => drawings.push(plot(half, name, () => ({ type: 'bar',
            data: { labels: list().map((c) => c.channel), datasets: [{ label: name, data: list().map((c) => (flat ? Math.log2(c[key]) : c[key])), backgroundColor: colour(hue), categoryPercentage: 1, barPercentage: 0.85 }] },
            options: options(axis('channel', { grid: { display: false } }), axis(unit),
                { plugins: { legend: { display: false }, tooltip: { ...options(0, 0).plugins.tooltip, callbacks: {
                    title: (items) => `channel ${items[0].label}`,
                    label: (item) => { const c = list()[item.dataIndex];
                        return flat ? [`σ × ${brief(c.ratio)}`, `variance ${brief(c.var_before)} → ${brief(c.var_after)}`] : [`mean ${sigmas(c.shift)} σ`, `mean ${brief(c.mean_before)} → ${brief(c.mean_after)}`]; } } } } }) }), true));
        const show = (row) => {
            layer = row;
            title.textContent = row.layer ? `${row.bn}, behind ${row.layer}` : row.bn;
            if (moved && !drawings.length) {
                left.append(el('p', { class: 'facts' }, 'Mean, moved by'));
                bars(left, 'shift of the mean', 'σ', 'shift', 'blue');
                right.append(el('p', { class: 'facts' }, 'Standard deviation, changed by a factor of'));
                bars(right, 'factor of the standard deviation', 'log₂', 'ratio', 'orange', true);
            } else drawings.forEach((d) => d.draw());
            channelTable.replaceChildren();
            table(channelTable, 'channels', [
                { label: 'channel', value: (c) => c.channel },
                { label: 'mean moved, σ', value: (c) => (c.shift === null ? null : Math.abs(c.shift)), show: sigmas, bar: true },
                { label: 'σ ×', value: (c) => c.ratio, show: fixed(3) },
                { label: 'mean before', value: (c) => c.mean_before, show: brief },
                { label: 'after', value: (c) => c.mean_after, show: brief },
                { label: 'variance before', value: (c) => c.var_before, show: brief },
                { label: 'after', value: (c) => c.var_after, show: brief },
                { label: 'γ', value: (c) => c.gamma, show: brief, flag: (x) => x !== null && Math.abs(x) < 1e-6 },
            ], row.channels, { by: moved ? 1 : 0, up: !moved });
        };
        detail.append(title, moved ? el('div', { class: 'bar-of-tools' }, button) : '', place, channelTable);
        table(box, 'BatchNorm layers', [
            { label: 'BatchNorm', value: (r) => r.bn, text: true },
            { label: 'channels', value: (r) => r.count, show: whole },
            { label: 'mean moved, σ rms', value: (r) => r.shift, show: sigmas, bar: true },
            { label: 'worst channel, σ', value: (r) => r.worst, show: sigmas, bar: true },
            { label: 'σ off by ×', value: (r) => r.spread, show: fixed(3), title: 'root mean square of the ratio, up or down' },
            { label: 'negative γ', value: (r) => r.negative, show: whole },
            { label: 'layer', value: (r) => r.layer, text: true },
        ], rows, { by: moved ? 2 : 0, up: !moved, pick: show });
        box.append(detail);
    }

    /* ---- weights ---- */

    function weights() {
        const rows = doc.params.filter((p) => p.enabled && p.codes_after);
        if (!rows.length) return;
        const box = section('weights', 'Weights', 'Weights and their integer codes',
            'Codes that change in the last epoch are weights that swing between two values. A dead channel has code 0 everywhere. At the ends: share of the lowest and the highest code.');
        const detail = el('div', { class: 'detail' }), title = el('h3'), about = el('p', { class: 'facts' }), place = el('div');
        let chosen = null, drawing = null;
        const shares = (list) => { const sum = list.reduce((a, b) => a + b, 0) || 1; return list.map((x) => 100 * x / sum); };
        const draw = () => {
            const p = chosen, labels = p.codes_after.map((_, i) => p.first_code + i * p.codes_a_bin);
            const sets = [];
            if (p.codes_before) sets.push({ label: 'calibrated', data: shares(p.codes_before), backgroundColor: clear(colour('orange'), 0.8) });
            sets.push({ label: doc.simulation.state === 'calibrated' ? 'calibrated' : 'now', data: shares(p.codes_after), backgroundColor: clear(colour('blue'), 0.85) });
            sets.forEach((s) => Object.assign(s, { categoryPercentage: 0.92, barPercentage: 0.98 }));
            return withLegend({ type: 'bar', data: { labels, datasets: sets }, options: options(axis('integer code', { grid: { display: false } }), axis('% of the weights'),
                { plugins: { legend: options(0, 0).plugins.legend, tooltip: { ...options(0, 0).plugins.tooltip, callbacks: {
                    title: (items) => (p.codes_a_bin > 1 ? `codes ${items[0].label} to ${Number(items[0].label) + p.codes_a_bin - 1}` : `code ${items[0].label}`),
                    label: (item) => `${item.dataset.label}: ${item.parsed.y.toFixed(2)} %` } } } }) });
        };
        const show = (p) => {
            chosen = p;
            title.textContent = p.tensor;
            about.textContent = `${p.shape.join(' × ')} · ${p.bitwidth} bits, ${p.symmetric ? 'symmetric' : 'asymmetric'}, ${p.encodings > 1 ? `${p.encodings} ranges` : 'one range'} · from ${brief(p.min)} to ${brief(p.max)}`;
            if (drawing) drawing.draw();
            else drawing = plot(place, 'distribution of integer codes', draw);
        };
        detail.append(title, about, place);
        table(box, 'weight quantizers', [
            { label: 'weight', value: (p) => p.tensor, text: true },
            { label: 'bits', value: (p) => p.bitwidth },
            { label: 'weights', value: (p) => p.count, show: whole },
            { label: 'changed in last epoch, %', value: (p) => p.changed, show: percent, bar: true },
            { label: 'at the ends, %', value: (p) => p.at_ends, show: percent, bar: true },
            { label: 'dead channels', value: (p) => p.dead_channels, show: whole, flag: (x) => x > 0 },
            { label: 'negative γ', value: (p) => p.negative_gamma, show: whole },
            { label: 'min', value: (p) => p.min, show: brief },
            { label: 'max', value: (p) => p.max, show: brief },
        ], rows, rows.some((p) => known(p.changed)) ? { by: 3, pick: show } : { by: 4, pick: show });
        box.append(detail);
    }

    /* ---- activations ---- */

    function activations() {
        const rows = doc.activations.filter((a) => a.enabled);
        if (!rows.length) return;
        const seen = rows.some((a) => known(a.seen_max));
        const box = section('activations', 'Activations', 'Activation ranges and clipping', seen
            ? 'Clipped: share of values beyond the range, which come out as its end. Seen: the values that came in on the data.'
            : 'What lies outside of the ranges takes data to measure: refold report with --data.');
        const clipped = (a) => (known(a.below) && known(a.above) ? a.below + a.above : null);
        if (seen) plot(box, 'clipped share by quantizer', () => ({ type: 'bar',
            data: { labels: rows.map((a) => a.tensor), datasets: [
                { label: 'above the range', data: rows.map((a) => 100 * a.above), backgroundColor: colour('blue'), stack: 's' },
                { label: 'below the range', data: rows.map((a) => 100 * a.below), backgroundColor: colour('orange'), stack: 's' }] },
            options: withLegend({ options: options(axis('quantizers in the order of the network', { grid: { display: false }, stacked: true, ticks: { display: false } }), axis('% clipped', { stacked: true, beginAtZero: true })) }).options }), true);
        table(box, 'activation quantizers', [
            { label: 'tensor', value: (a) => a.tensor, text: true },
            { label: 'bits', value: (a) => a.bitwidth },
            { label: 'range from', value: (a) => a.min, show: brief },
            { label: 'to', value: (a) => a.max, show: brief },
            { label: 'seen from', value: (a) => a.seen_min, show: brief },
            { label: 'to', value: (a) => a.seen_max, show: brief },
            { label: 'clipped, %', value: clipped, show: percent, bar: true },
            { label: 'below, %', value: (a) => a.below, show: percent },
            { label: 'above, %', value: (a) => a.above, show: percent },
        ], rows, seen ? { by: 6 } : {});
    }

    /* ---- errors by layer ---- */

    function errors() {
        const e = doc.errors;
        if (!e) return;
        const lists = { before: e.before, after: e.after, target: e.target };
        const rows = new Map();
        for (const [key, list] of Object.entries(lists)) {
            for (const t of (list && list.tensors) || []) {
                if (!rows.has(t.tensor)) rows.set(t.tensor, { tensor: t.tensor, order: rows.size });
                Object.assign(rows.get(t.tensor), { [key]: t.sqnr_db, [`${key}_abs`]: t.max_abs });
            }
        }
        const all = [...rows.values()].sort((a, b) => a.order - b.order);
        if (!all.length && !(e.target && e.target.reason)) return;
        const box = section('errors', 'Errors', 'Error by layer', 'Signal to quantization noise (SQNR) of each tensor in decibel: higher is better, 6 dB is about one bit. '
            + 'The simulation against the same weights in float32, and the exported file in ONNX Runtime against the simulation.');
        const plotted = all.filter((r) => known(r.before) || known(r.after));
        if (plotted.length) plot(box, 'SQNR by tensor', () => withLegend({ type: 'line',
            data: { labels: plotted.map((r) => r.tensor), datasets: [
                ...(e.before && e.before.tensors ? [series('calibrated', plotted.map((r) => r.before), 'orange', { spanGaps: true })] : []),
                series(doc.simulation.state.replace('_', ' '), plotted.map((r) => r.after), 'blue', { spanGaps: true })] },
            options: options(axis('tensors in the order of computing', { grid: { display: false }, ticks: { display: false } }), axis('SQNR, dB')) }));
        const target = e.target || {};
        box.append(el('p', { class: 'note' }, target.reason ? `ONNX Runtime: ${target.reason}.`.replace('..', '.')
            : `ONNX Runtime gives the class of the simulation for ${fixed(2)(target.top1_agreement)} % of ${whole(target.samples)} samples.`));
        if (all.length) table(box, 'tensors', [
            { label: 'tensor', value: (r) => r.tensor, text: true },
            { label: 'order', value: (r) => r.order },
            { label: 'SQNR calibrated, dB', value: (r) => r.before, show: fixed(1) },
            { label: 'SQNR now, dB', value: (r) => r.after, show: fixed(1), bar: true },
            { label: 'largest error', value: (r) => r.after_abs, show: brief },
            { label: 'largest in ONNX Runtime', value: (r) => r.target_abs, show: brief, bar: true },
        ], all, { by: 3, up: true });
    }

    /* ---- sizes, and how to repeat it ---- */

    function sizes() {
        const s = doc.size;
        const box = section('size', 'Size', 'Size');
        facts(box, [['parameters', whole(s.parameters)], ['of these quantized', whole(s.quantized)], ['bits a parameter', fixed(2)(s.bits_per_weight)],
            ['parameters, packed', bytes(s.bytes)], ['as float32', bytes(s.float_bytes)], ['ratio', known(s.bytes) && s.bytes ? `${(s.float_bytes / s.bytes).toFixed(2)} ×` : '–']]);
        if (doc.files.length) {
            box.append(el('div', { class: 'bar-of-tools' }));
            table(box, 'files', [{ label: 'file', value: (f) => f.name, text: true }, { label: 'bytes', value: (f) => f.bytes, show: whole, bar: true }], doc.files, { by: 1 });
        }
    }

    const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

    function repeat() {
        const box = section('options', 'Options', 'Options and versions');
        const sim = doc.simulation, m = doc.machine;
        const given = Object.entries((run && run.options) || {}).filter(([, value]) => value !== null && value !== false && !(Array.isArray(value) && !value.length));
        if (run) {
            const words = ['refold', 'run', word(String(run.model))];
            for (const [name, value] of given) words.push(value === true ? `--${name}` : `--${name} ${word(Array.isArray(value) ? value.join(',') : String(value))}`);
            box.append(el('p', { class: 'note' }, 'The whole run again, every option spelt out:'), el('pre', { id: 'again' }, words.join(' ')));
        }
        facts(box, [['refold', m.refold], ['oneDNN', m.onednn], ['processor', m.isa], ['threads', run ? run.threads : m.threads], ['configuration', sim.config],
            ['ranges', sim.learned ? 'learned' : 'static'], ['compatibility', sim.compat || 'off'], ...given.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value])]);
    }

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
    for (const part of [workflow, training, batchNorms, weights, activations, errors, sizes, repeat]) part();
    document.getElementById('foot').append(`refold ${doc.machine.refold}. This file holds all it shows; nothing is loaded from anywhere. Charts: Chart.js, MIT licence.`);
    theme();
    window.refoldReport = { document: doc, plots };
})();
