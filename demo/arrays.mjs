// Reading and writing arrays as .npy and IDX (gzip or not) files: the few forms that the demo and the tests need.
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const types = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
  '|u1': Uint8Array,
};

/** @typedef {{dims: number[], data: ArrayLike<number|bigint>}} Tensor dims and row-major elements */

export function product(dims) {
  return dims.reduce((a, b) => a * b, 1);
}

/** Copies, because a typed array must start at a multiple of its element size. */
function elements(Type, bytes, offset, count, path) {
  const size = count * Type.BYTES_PER_ELEMENT;
  if (bytes.length < offset + size)
    throw new Error(`${path}: ${bytes.length - offset} bytes of data, expected ${size}`);
  const copy = new Uint8Array(size);
  copy.set(bytes.subarray(offset, offset + size));
  return new Type(copy.buffer);
}

/** @returns {Tensor} */
export function readNpy(path) {
  const bytes = readFileSync(path);
  if (bytes.length < 12 || bytes.toString('latin1', 1, 6) !== 'NUMPY')
    throw new Error(`${path}: not an .npy file`);
  const wide = bytes[6] >= 2;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const start = wide ? 12 : 10;
  const header = bytes.toString('latin1', start, start + length);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (!types[descr] || shape === undefined || /'fortran_order':\s*True/.test(header))
    throw new Error(`${path}: cannot read elements of type ${descr} in this order`);
  const dims = shape.split(',').filter((s) => s.trim()).map(Number);
  return { dims, data: elements(types[descr], bytes, start + length, product(dims), path) };
}

/** Format 1.0, float32. */
export function writeNpy(path, dims, data) {
  const tuple = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  const body = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(path, Buffer.concat([head, Buffer.from(padded, 'latin1'), body]));
}

/** IDX of unsigned bytes, as MNIST's files. @returns {Tensor} */
export function readIdx(path) {
  let bytes = readFileSync(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    bytes = gunzipSync(bytes);
  if (bytes.length < 4 || bytes[0] || bytes[1] || bytes[2] !== 8)
    throw new Error(`${path}: not an IDX file of bytes`);
  const rank = bytes[3];
  const dims = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  return { dims, data: elements(Uint8Array, bytes, 4 + 4 * rank, product(dims), path) };
}

/** Gray images as a network takes them: float32 [n, 1, h, w], (value / 255 - mean) / std. @returns {Tensor} */
export function imagesFromIdx(path, mean, std) {
  const { dims, data } = readIdx(path);
  const scaled = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++)
    scaled[i] = (data[i] / 255 - mean) / std;
  return { dims: [dims[0], 1, ...dims.slice(1)], data: scaled };
}
