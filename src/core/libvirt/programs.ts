/** Programs of this machine that libvirt runs. */

/** Where a program lies, or null. A service's PATH may lack the folders that hold the administrator's. */
export const programPath = (name: string): string | null =>
  Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
