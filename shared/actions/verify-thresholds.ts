// The numbers of the judges, each with its reason. Not policy: a team decides what may be changed, not what counts as harm.

/** Throttled for more than this share of its periods, a container is slowed down by its CPU limit; kubernetes-mixin warns there. */
export const THROTTLED_RATIO = 0.25;

/** And by so much more than before, so that what always was so is not taken for harm. */
export const THROTTLED_GROWTH = 0.1;

/** CPU may burst over its request: only a use beyond it by this factor, over the whole window, means that the request is too small. */
export const CPU_OVER_REQUEST = 1.2;

/** What is looked at of the time since the change: ten scrapes of the usual 30 seconds. */
export const USAGE_WINDOW_SECONDS = 300;

/** A window is never shorter: a rate needs two scrapes. */
export const SHORTEST_WINDOW_SECONDS = 60;

/**
 * From this share of restarts on that the pace before the change lets expect, the change is not to blame: at a quarter, one
 * restart in that time comes by chance once in five times.
 */
export const SAME_PACE_SHARE = 0.25;

/** A rollout whose youngest pod is older than this and that is not done makes no progress: probes and images have had their time. */
export const ROLLOUT_STALL_SECONDS = 300;

/** The kernel keeps CPU as shares and quotas of at least 10 millicores: the node reports a size up to so much beside the wanted one. */
export const CPU_ROUNDING_MILLICORES = 10;
