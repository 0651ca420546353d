// The driver `ingress`, open to the internet: wiring only.
import type { Driver } from '../../shared/runtime/driver.ts';
import { receive } from '../../shared/runtime/ingress.ts';

export const driver: Driver = { name: 'ingress', drive: receive };
