// Runs ONNX models in ONNX Runtime for `refold compare --runtime ort`, which keeps this text inside and starts node with it.
// Requests come one JSON object a line on standard input, answers go to standard output: "ok", or "error" and the reason.
//   {"open": "model.onnx", "threads": N}                                  models are counted from 0
//   {"versions": true}                                                    of node and, where it is there, the package
//   {"run": 0, "inputs": {"x": "x.npy"}, "outputs": {"y": "y.npy"}}       float32 arrays, read and written
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** Finds `what` of the package, which lies in $REFOLD_ORT, in or above the current folder, in its demo/, or among node's global packages. */
function find(what) {
  const global = join(dirname(process.execPath), '..', 'lib');
  const places = [process.env.REFOLD_ORT, '.', 'demo', global].filter(Boolean);
  for (const place of places) {
    try {
      return createRequire(join(resolve(place), 'x.js'))(what);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND')
        throw error;
    }
  }
  throw new Error('the npm package is not there: run "npm install --ignore-scripts onnxruntime-node" in a folder and set '
    + 'REFOLD_ORT to it');
}

function readNpy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(bytes.toString('latin1', 10, start))[1];
  const dims = shape.split(',').filter((s) => s.trim()).map(Number);
  return { dims, data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)) };
}

function writeNpy(path, dims, data) {
  const tuple = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  writeFileSync(path, Buffer.concat([head, Buffer.from(padded, 'latin1'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}

const sessions = [];
let ort = null;

/** Codes of 8-bit weights overflow 16 bits on processors without VNNI; x64quantprecision asks for exact sums. */
async function open({ open: path, threads }) {
  ort ??= find('onnxruntime-node');
  sessions.push(await ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { x64quantprecision: '1' } },
  }));
}

function versions() {
  const node = process.version.slice(1);
  try {
    return `${node} ${find('onnxruntime-node/package.json').version}`;
  } catch {
    return node;
  }
}

async function run({ run: index, inputs, outputs }) {
  const feeds = {};
  for (const [name, path] of Object.entries(inputs)) {
    const { dims, data } = readNpy(path);
    feeds[name] = new ort.Tensor('float32', data, dims);
  }
  const found = await sessions[index].run(feeds, Object.keys(outputs));
  for (const [name, path] of Object.entries(outputs)) {
    const { dims, data } = found[name];
    writeNpy(path, dims, Float32Array.from(data, Number));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    const said = await ('versions' in request ? versions() : 'open' in request ? open(request) : run(request));
    console.log(said ? `ok ${said}` : 'ok');
  } catch (error) {
    console.log(`error ${String(error.message).replace(/\s+/g, ' ')}`);
  }
}
