// The driver `settle`, each minute: wiring only.
import type { Driver } from '../../shared/runtime/driver.ts';
import { settle } from '../../shared/runtime/settle.ts';

export const driver: Driver = {
  name: 'settle',
  drive: async (surroundings) => ({ ...(await settle(surroundings)) }),
};
