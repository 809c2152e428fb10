/* Layer by layer: BN statistics, integer codes, ranges, errors. */

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
        { label: 'mean moved, σ rms', value: (r) => r.shift, show: sigmas, bar: true },
        { label: 'worst channel, σ', value: (r) => r.worst, show: sigmas, bar: true },
        { label: 'σ off by ×', value: (r) => r.spread, show: fixed(3), title: 'root mean square of the ratio, up or down' },
        { label: 'channels', value: (r) => r.count, show: whole },
        { label: 'negative γ', value: (r) => r.negative, show: whole },
        { label: 'layer', value: (r) => r.layer, text: true },
    ], rows, { by: moved ? 1 : 0, up: !moved, pick: show });
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
        { label: 'changed in last epoch, %', value: (p) => p.changed, show: percent, bar: true },
        { label: 'at the ends, %', value: (p) => p.at_ends, show: percent, bar: true },
        { label: 'dead channels', value: (p) => p.dead_channels, show: whole, flag: (x) => x > 0 },
        { label: 'negative γ', value: (p) => p.negative_gamma, show: whole },
        { label: 'min', value: (p) => p.min, show: brief },
        { label: 'max', value: (p) => p.max, show: brief },
        { label: 'bits', value: (p) => p.bitwidth },
        { label: 'weights', value: (p) => p.count, show: whole },
    ], rows, { by: rows.some((p) => known(p.changed)) ? 1 : 2, pick: show });
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
        { label: 'clipped, %', value: clipped, show: percent, bar: true },
        { label: 'below, %', value: (a) => a.below, show: percent },
        { label: 'above, %', value: (a) => a.above, show: percent },
        { label: 'range from', value: (a) => a.min, show: brief },
        { label: 'to', value: (a) => a.max, show: brief },
        { label: 'seen from', value: (a) => a.seen_min, show: brief },
        { label: 'to', value: (a) => a.seen_max, show: brief },
        { label: 'bits', value: (a) => a.bitwidth },
    ], rows, seen ? { by: 1 } : {});
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
        { label: 'SQNR now, dB', value: (r) => r.after, show: fixed(1), bar: true },
        { label: 'calibrated, dB', value: (r) => r.before, show: fixed(1) },
        { label: 'largest error', value: (r) => r.after_abs, show: brief },
        { label: 'largest in ONNX Runtime', value: (r) => r.target_abs, show: brief, bar: true, optional: true },
        { label: 'order', value: (r) => r.order },
    ], all, { by: 1, up: true });
}
