/** The modules that plugins outside the executable may import: the very ones the built-in plugins see. */
import * as jimv from "../jimv.ts";
import * as jsx from "../jsx-runtime.ts";
import * as ui from "../ui/index.ts";

export const faces = { jimv, "jimv/ui": ui, "jimv/jsx-runtime": jsx, "jimv/jsx-dev-runtime": jsx };
