// The driver `settle`, each minute and for each event that is handed on: wiring only.
import type { Driver } from '../../shared/runtime/driver.ts';
import { done } from '../../shared/runtime/http.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { readEventId } from '../../shared/runtime/trigger.ts';

export const driver: Driver = {
  name: 'settle',
  drive: async (surroundings, incoming) => done({ ...(await settle(surroundings, readEventId(incoming))) }),
};
