// The queries by what they answer, evaluated with Prometheus' semantics over series that tell right from wrong.
import { describe, expect, test } from 'vitest';
import { parseSeriesNotation } from '../../../fixtures/platform/series-notation.ts';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { victoriaMetricsDouble } from '../../../fixtures/platform/victoriametrics/double.ts';
import { floorQueries, oomKillQuery, windowQueries } from '../../../functions/rebalance/queries.ts';
import { RebalancePolicy } from '../../../functions/rebalance/schema.ts';
export { describe, expect, test, parseSeriesNotation, scenarioClock, victoriaMetricsDouble, floorQueries, oomKillQuery, windowQueries, RebalancePolicy };
