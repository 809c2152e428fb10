// The licences of what chart.min.js holds, one after the other.
import { readFileSync } from 'node:fs';
for (const name of ['chart.js', '@kurkle/color']) {
    const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
    console.log(`## ${name} ${version}\n`);
    console.log(readFileSync(`node_modules/${name}/LICENSE.md`, 'utf8').replaceAll('\r', '').trim() + '\n');
}
