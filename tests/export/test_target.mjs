// Exported QDQ models give in ONNX Runtime what the simulation gives in refold, to one code of the output.
// usage: node test_target.mjs PATH/TO/export_models; exit code 77 (skipped) where ONNX Runtime is not installed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const demo = join(dirname(fileURLToPath(import.meta.url)), '../../demo');
if (!existsSync(join(demo, 'node_modules/onnxruntime-node'))) {
  console.log('skipped: ONNX Runtime is not installed (npm ci --ignore-scripts in demo/)');
  process.exit(77);
}

const root = mkdtempSync(join(tmpdir(), 'refold-target-'));
let failed = 0;

/** @param {{folder: string, step: number}} model */
function check({ folder, step }) {
  const args = [join(demo, 'ort_evaluate.mjs'), join(folder, 'model_qdq.onnx'),
    '--input', join(folder, 'input.npy'), '--reference', join(folder, 'output.npy'), '--batch', '5'];
  const report = JSON.parse(execFileSync('node', args, { encoding: 'utf8' }));
  const good = report.max_abs <= 1.01 * step;
  failed += good ? 0 : 1;
  console.log(`${good ? 'ok' : 'FAILED'}: ${folder}: ${report.max_abs} of at most ${step}, same class ${report.agreement} %`);
}

try {
  const lines = execFileSync(process.argv[2], [root], { encoding: 'utf8' }).trim().split('\n');
  lines.map((line) => JSON.parse(line)).forEach(check);
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
