// A button that a person clicked, in our words: what an adapter makes of it, and what is handed to who acts on it.
import { z } from 'zod';

export const ButtonVerb = z.enum(['approve', 'decline', 'undo', 'pause', 'resume']);
export type ButtonVerb = z.infer<typeof ButtonVerb>;

const id = z
  .string()
  .min(1)
  .max(1500)
  .refine((value) => value.isWellFormed(), 'is not valid Unicode');

/** What a button stands for: a verb, and the id of an action or the key of a scope. */
export const ButtonValue = z.strictObject({ verb: ButtonVerb, id });
export type ButtonValue = z.infer<typeof ButtonValue>;

export const Click = z.strictObject({
  kind: z.literal('click'),
  button: ButtonValue,
  /** As the chat knows the person; the name is only for people. */
  user: z.strictObject({ id: z.string().min(1).max(100), name: z.string().max(200) }),
  /** Where the message with the button is. */
  channel: z.string().min(1).max(100),
  /** The thread that it stands in, if it does. */
  thread: z.string().max(100).nullable(),
});
export type Click = z.infer<typeof Click>;
