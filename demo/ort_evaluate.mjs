// Runs a model in ONNX Runtime and compares its predictions with labels and with another program's outputs.
import { parseArgs } from 'node:util';
import { imagesFromIdx, product, readIdx, readNpy, writeNpy } from './arrays.mjs';

const usage = `usage: node ort_evaluate.mjs MODEL.onnx (--input X.npy | --images IDX [--mean M --std S])
       [--labels Y.npy|IDX] [--reference OUTPUT.npy] [--output OUTPUT.npy] [--save-input X.npy]
       [--batch 100] [--threads 2] [--limit N]

Runs the inputs through ONNX Runtime on the CPU and prints one JSON line: samples, top1 (percent of labels met),
agreement (percent of predictions as in --reference), max_abs (largest difference to it), img_per_s.`;

const options = {
  input: { type: 'string' },
  images: { type: 'string' },
  mean: { type: 'string', default: '0' },
  std: { type: 'string', default: '1' },
  labels: { type: 'string' },
  reference: { type: 'string' },
  output: { type: 'string' },
  'save-input': { type: 'string' },
  batch: { type: 'string', default: '100' },
  threads: { type: 'string', default: '2' },
  limit: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
};

async function loadRuntime() {
  try {
    return (await import('onnxruntime-node')).default;
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND')
      throw error;
    throw new Error('ONNX Runtime is not installed: run "npm ci --ignore-scripts" in demo/');
  }
}

function readInput(args) {
  if (!args.input === !args.images)
    throw new Error('give one of --input and --images');
  const all = args.input
    ? readNpy(args.input)
    : imagesFromIdx(args.images, Number(args.mean), Number(args.std));
  if (!(all.data instanceof Float32Array))
    throw new Error(`${args.input}: expected float32`);
  const count = Math.min(all.dims[0], args.limit ? Number(args.limit) : Infinity);
  const dims = [count, ...all.dims.slice(1)];
  return { dims, data: all.data.subarray(0, product(dims)) };
}

/** Codes of 8-bit weights times codes of activations overflow 16 bits on processors without VNNI; this asks for exact sums. */
function sessionOptions(threads) {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    extra: { session: { x64quantprecision: '1' } },
  };
}

/** The model's own batch size, or 0 where it takes any. */
function fixedBatch(session) {
  const first = session.inputMetadata?.[0]?.shape?.[0];
  return typeof first === 'number' && first > 0 ? first : 0;
}

/** @returns {Promise<{dims: number[], data: Float32Array, seconds: number}>} outputs of all samples */
async function runAll(ort, session, input, wantedBatch) {
  const [n, ...sample] = input.dims;
  const fixed = fixedBatch(session), batch = fixed || wantedBatch;
  const size = product(sample);
  let result = null, seconds = 0;
  for (let at = 0; at < n; at += batch) {
    const count = Math.min(batch, n - at);
    const fed = fixed || count;
    const data = new Float32Array(fed * size); // a short last batch of a fixed size has zeros behind it
    data.set(input.data.subarray(at * size, (at + count) * size));
    const feed = new ort.Tensor('float32', data, [fed, ...sample]);
    const start = performance.now();
    const out = (await session.run({ [session.inputNames[0]]: feed }))[session.outputNames[0]];
    seconds += (performance.now() - start) / 1000;
    const width = product(out.dims.slice(1));
    result ??= { dims: [n, ...out.dims.slice(1)], data: new Float32Array(n * width) };
    result.data.set(out.data.subarray(0, count * width), at * width);
  }
  return { ...result, seconds };
}

/** Index of the largest output of each sample; the first of equals. */
function predictions({ dims, data }) {
  const width = product(dims.slice(1));
  return Array.from({ length: dims[0] }, (_, i) => {
    let best = 0;
    for (let c = 1; c < width; c++)
      if (data[i * width + c] > data[i * width + best])
        best = c;
    return best;
  });
}

function percentEqual(found, expected) {
  return (100 * found.filter((p, i) => p === Number(expected[i])).length) / found.length;
}

function readLabels(path) {
  return (path.endsWith('.npy') ? readNpy(path) : readIdx(path)).data;
}

function largestDifference(a, b) {
  let most = 0;
  for (let i = 0; i < a.length; i++)
    most = Math.max(most, Math.abs(a[i] - Number(b[i])));
  return most;
}

async function main() {
  const { values: args, positionals } = parseArgs({ options, allowPositionals: true });
  if (args.help || positionals.length !== 1) {
    (args.help ? console.log : console.error)(usage);
    return args.help ? 0 : 2;
  }
  const ort = await loadRuntime();
  const input = readInput(args);
  if (args['save-input'])
    writeNpy(args['save-input'], input.dims, input.data);
  const session = await ort.InferenceSession.create(positionals[0], sessionOptions(Number(args.threads)));
  const output = await runAll(ort, session, input, Number(args.batch));
  if (args.output)
    writeNpy(args.output, output.dims, output.data);
  const found = predictions(output);
  const report = { schema: 1, samples: input.dims[0], img_per_s: input.dims[0] / output.seconds };
  if (args.labels)
    report.top1 = percentEqual(found, readLabels(args.labels));
  if (args.reference) {
    const reference = readNpy(args.reference);
    report.agreement = percentEqual(found, predictions(reference));
    report.max_abs = largestDifference(output.data, reference.data);
  }
  console.log(JSON.stringify(report));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`ort_evaluate: ${error.message}`);
  process.exitCode = 1;
}
