/* What refold analyze found. */

/* ---- sensitivity ---- */

/* What one layer costs, in the unit that the analysis judged by. */
const HARM = {
    top1: { axis: 'points of top-1 lost', show: fixed(2), label: 'top-1 lost' },
    loss: { axis: 'loss gained', show: fixed(4), label: 'loss gained' },
    sqnr: { axis: 'SQNR of the output, dB (lower is worse)', show: fixed(1), label: 'SQNR, dB', sign: -1 },
};
const KINDS = [['param', 'weights', 'blue'], ['activation', 'activations', 'orange'], ['both', 'both', 'green']];
const SHOWN = 15;

function sensitivity() {
    const a = doc.analysis;
    if (!a || !a.layers.length) return;
    const harm = HARM[a.by] || HARM.sqnr;
    const cost = (r) => (known(r.harm) ? (harm.sign || 1) * r.harm : null);
    const box = section('sensitivity', 'Sensitivity', 'Sensitivity by layer', `What quantization costs where, on ${whole(a.samples)} samples of the ${String(a.state).replace('_', ' ')} simulation: `
        + 'one layer quantized and all others in float32 (only), and all but that layer quantized (all but). A layer that costs much alone, and whose absence helps much, is worth more bits.');
    const labelled = known((a.fp32 || {}).top1);
    const share = labelled ? { label: 'top-1, %', of: (m) => (m || {}).top1 } : { label: 'same class, %', of: (m) => (m || {}).agreement };
    const db = (m) => { const x = (m || {}).sqnr_db; return known(x) ? x : null; };
    const pair = el('div', { class: 'pair' }), left = el('div', {}, el('h3', {}, 'Worst layers')), right = el('div', {}, el('h3', {}, 'All layers together'));
    box.append(pair);
    pair.append(left, right);
    table(right, 'all layers together', [
        { label: 'quantized', value: (r) => r.name, text: true },
        { label: share.label, value: (r) => share.of(r.m), show: fixed(2) },
        { label: 'loss', value: (r) => (r.m || {}).loss, show: fixed(4), optional: true },
        { label: 'SQNR, dB', value: (r) => db(r.m), show: fixed(1) },
    ], [{ name: 'nothing', m: a.fp32 }, { name: 'weights', m: a.params }, { name: 'activations', m: a.activations }, { name: 'everything', m: a.quantized }]);
    const worst = (kind) => a.layers.filter((r) => r.kind === kind).sort((x, y) => y.harm - x.harm).slice(0, SHOWN);
    let kind = (KINDS.find(([k]) => worst(k).length) || KINDS[0])[0];
    let drawing = null;
    const tools = el('div', { class: 'bar-of-tools' });
    const buttons = KINDS.filter(([k]) => worst(k).length).map(([k, name]) => el('button', { type: 'button', 'aria-pressed': String(k === kind), onclick: () => {
        kind = k;
        for (const b of tools.children) b.setAttribute('aria-pressed', String(b.textContent === name));
        drawing.draw();
    } }, name));
    tools.append(...buttons);
    left.append(tools);
    drawing = plot(left, 'harm by layer', () => {
        const rows = worst(kind), hue = KINDS.find(([k]) => k === kind)[2];
        return { type: 'bar', data: { labels: rows.map((r) => r.layer), datasets: [{ label: harm.axis, data: rows.map(cost), backgroundColor: colour(hue) }] },
            options: options(axis(harm.axis, { beginAtZero: true }), axis('', { grid: { display: false }, ticks: { color: colour('soft'), autoSkip: false, callback(i) { const name = this.getLabelForValue(i); return name.length > 22 ? `…${name.slice(-21)}` : name; } } }),
                { indexAxis: 'y', interaction: { mode: 'index', axis: 'y', intersect: false }, plugins: { legend: { display: false }, tooltip: { ...options(0, 0).plugins.tooltip, callbacks: {
                    title: (items) => rows[items[0].dataIndex].layer,
                    label: (item) => { const r = rows[item.dataIndex];
                        return [`only: ${share.label.replace(', %', '')} ${fixed(2)(share.of(r.only))} %, SQNR ${fixed(1)(db(r.only))} dB`, `all but: ${fixed(2)(share.of(r.all_but))} %, SQNR ${fixed(1)(db(r.all_but))} dB`]; } } } } }) };
    });
    drawing.canvas.parentNode.classList.add('tall');
    const all = el('div');
    box.append(all);
    table(all, 'sensitivity of layers', [
        { label: 'layer', value: (r) => r.layer, text: true },
        { label: harm.label, value: cost, show: harm.show, bar: !harm.sign },
        { label: 'quantized', value: (r) => (KINDS.find(([k]) => k === r.kind) || [0, r.kind])[1], text: true },
        { label: `only: ${share.label}`, value: (r) => share.of(r.only), show: fixed(2) },
        ...(harm.sign ? [] : [{ label: 'SQNR, dB', value: (r) => db(r.only), show: fixed(1) }]),
        { label: `all but: ${share.label}`, value: (r) => share.of(r.all_but), show: fixed(2) },
        { label: 'SQNR, dB', value: (r) => db(r.all_but), show: fixed(1) },
        { label: 'bits', value: (r) => (r.kind === 'activation' ? r.output_bw : r.param_bw), show: whole },
        { label: 'operator', value: (r) => r.op_type, text: true },
    ], a.layers, { by: 1, up: Boolean(harm.sign) });
}
