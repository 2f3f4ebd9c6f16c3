/** The walls between rooms, for dependency-cruiser. `walls.ts` runs it and asserts that it saw something. */
const face = "^src/(jimv|jsx-runtime)\\.ts$|^src/ui/index\\.ts$";

module.exports = {
  forbidden: [
    {
      name: "no-circles",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "core-knows-no-feature",
      severity: "error",
      from: { path: "^src/core/" },
      to: { path: "^src/(plugins|ui|program)/|^src/main\\.ts|^src/jimv\\.ts" },
    },
    {
      name: "ui-knows-core-only",
      severity: "error",
      from: { path: "^src/ui/" },
      to: { path: "^src/(plugins|program)/|^src/jimv\\.ts" },
    },
    {
      name: "plugins-see-the-face",
      comment: "A plugin imports jimv, jimv/ui, its own files and other plugins' index.ts",
      severity: "error",
      from: { path: "^src/plugins/([^/]+)/.+", pathNot: "\\.test\\.tsx?$|/testing/" },
      to: {
        path: "^src/",
        pathNot: [face, "^src/plugins/$1/", "^src/plugins/[^/]+/index\\.ts$"],
      },
    },
    {
      name: "plugins-are-entered-by-their-index",
      severity: "error",
      from: { path: "^src/(main\\.ts|program/|plugins/[^/]+\\.ts$)" },
      to: { path: "^src/plugins/[^/]+/", pathNot: "^src/plugins/[^/]+/index\\.ts$" },
    },
    {
      name: "plugins-bring-no-packages",
      severity: "error",
      from: { path: "^src/plugins/", pathNot: "\\.test\\.tsx?$|/testing/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-no-pkg", "unknown"], pathNot: face },
    },
    {
      name: "drizzle-in-its-room",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/core/store/" },
      to: { path: "node_modules/(drizzle-orm|mysql2)" },
    },
    {
      name: "elysia-in-its-room",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/core/http/" },
      to: { path: "node_modules/(elysia|memoirist)" },
    },
    {
      name: "ffi-in-its-room",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/core/libvirt/" },
      to: { path: "^bun:ffi$" },
    },
    {
      name: "nothing-missing",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true, pathNot: "^bun(:|$)" },
    },
    {
      name: "no-tests-in-the-program",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.test\\.tsx?$|/testing/" },
      to: { path: "\\.test\\.tsx?$|/testing/|^tests/" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
