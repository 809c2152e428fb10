/* The run as a whole: its steps, training, sizes, and how to repeat it. */

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
    const box = section('training', 'Training', 'Training', `${whole(c.step[c.step.length - 1])} steps; each point of the curves is ${t.steps_a_point === 1 ? 'one of them' : `the mean of ${t.steps_a_point}`}.`);
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
