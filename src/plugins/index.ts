/** The plugins that the executable brings. Taking one off this list leaves a program that still runs. */
import type { Plugin } from "jimv";

export const builtInPlugins: readonly Plugin[] = [];
