/** Lets finished markup through the escaping: only for our own, never for anything that came from outside. */
export { raw } from "hono/utils/html";
