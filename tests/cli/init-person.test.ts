// A conversation over streams: answers typed ahead, one by one, and the end of input.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CallerError } from '../../shared/core/errors.ts';
import { conversation } from '../../shared/local/cli/init-person.ts';

describe('a conversation', () => {
  it('keeps answers that come before their questions', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const person = conversation(input, output, false);
    input.write('one\ntwo\nthree\n');
    expect(await person.ask('first? ')).toBe('one');
    expect(await person.ask('second? ')).toBe('two');
    expect(await person.ask('third? ')).toBe('three');
    person.close();
    expect(String(output.read())).toBe('first? second? third? ');
  });

  it('waits for an answer', async () => {
    const input = new PassThrough();
    const person = conversation(input, new PassThrough(), false);
    const asked = person.ask('first? ');
    input.write('late\n');
    expect(await asked).toBe('late');
    person.close();
  });

  it('fails an open question, and each one after it, at the end of input', async () => {
    const input = new PassThrough();
    const person = conversation(input, new PassThrough(), false);
    const asked = person.ask('first? ');
    input.end();
    await expect(asked).rejects.toThrow(CallerError);
    await expect(person.ask('second? ')).rejects.toThrow('nothing was written');
  });
});
