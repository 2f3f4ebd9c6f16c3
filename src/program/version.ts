/** The version of this executable. The build writes both in; from source it is a development version. */
declare const JIMV_VERSION: string | undefined;
declare const JIMV_COMMIT: string | undefined;

export const version = typeof JIMV_VERSION === "string" ? JIMV_VERSION : "0.0.0-dev";
export const commit = typeof JIMV_COMMIT === "string" ? JIMV_COMMIT : "";
