// Runs models in ONNX Runtime. usage: node ort_run.mjs < JOBS.json, prints what went wrong with each job, or null.
// A job is {"model": FILE, "inputs": {NAME: FILE.npy}, "outputs": {NAME: FILE.npy}}; exit code 77 without ONNX Runtime.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const demo = join(dirname(fileURLToPath(import.meta.url)), '../../demo/');
if (!existsSync(join(demo, 'node_modules/onnxruntime-node')))
  process.exit(77);
const ort = createRequire(demo)('onnxruntime-node');
const { readNpy, writeNpy } = await import(join(demo, 'arrays.mjs'));

// Exact sums where the processor would overflow 16 bits, as ort_evaluate.mjs asks for.
const options = {
  executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4,
  extra: { session: { x64quantprecision: '1' } },
};

async function run({ model, inputs, outputs }) {
  const session = await ort.InferenceSession.create(model, options);
  const feeds = {};
  for (const name of session.inputNames) {
    const array = readNpy(inputs[name]);
    feeds[name] = new ort.Tensor('float32', array.data, array.dims);
  }
  const made = await session.run(feeds);
  for (const [name, file] of Object.entries(outputs))
    writeNpy(file, made[name].dims, Float32Array.from(made[name].data, Number));
  await session.release();
  return null;
}

const failures = [];
for (const job of JSON.parse(readFileSync(0, 'utf8')))
  failures.push(await run(job).catch((error) => error.message.split('\n')[0]));
console.log(JSON.stringify(failures));
