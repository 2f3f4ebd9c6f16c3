/** The JSX runtime that pages are compiled against (`jimv/jsx-runtime`): escapes text and attributes by default. */

export { jsxDEV } from "hono/jsx/jsx-dev-runtime";
export type { JSX } from "hono/jsx/jsx-runtime";
export { Fragment, jsx, jsxAttr, jsxEscape, jsxs, jsxTemplate } from "hono/jsx/jsx-runtime";
