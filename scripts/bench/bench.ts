/** What a bench is given and what it hands back. */
import type { PrivateLibvirtd } from "../../tests/support/libvirtd.ts";

export interface Bench {
  /** A libvirtd of the bench's own; each bench removes its guests. */
  libvirtd: PrivateLibvirtd;
  /** For files; it goes when the bench ends. */
  folder: string;
  /** What differs from a bench's own measure, for a short run. */
  scale: Readonly<Record<string, number>>;
  /** The executable, built when it is first asked for. */
  executable(): Promise<string>;
}

export interface Section {
  title: string;
  /** Markdown below the title. */
  text: string;
}
