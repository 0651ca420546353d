// Adds up what the test runners wrote (vitest's JSON reports in a folder) and prints the plain line "N passed, N failed".
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const reports = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
const sum = (field) => reports.reduce((total, report) => total + report[field], 0);
// A file that does not even load has no failed test, and is a failure all the same.
const broken = reports.reduce(
  (total, report) =>
    total + report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length,
  0,
);
const passed = sum('numPassedTests');
const failed = sum('numFailedTests') + broken;
const skipped = sum('numPendingTests') + sum('numTodoTests');

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
