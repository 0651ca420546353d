// Each command is found under its name, though only its own module is loaded.
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../shared/local/cli.ts';
import { testTerminal } from './terminal.ts';

test('every module brings the commands that it is loaded for, and no others', async () => {
  for (const { names, register } of COMMANDS) {
    const program = new Command();
    (await register())(program, testTerminal());
    expect(program.commands.map((command) => command.name()).sort()).toEqual([...names].sort());
  }
  const all = COMMANDS.flatMap(({ names }) => names);
  expect(new Set(all).size).toBe(all.length);
});
