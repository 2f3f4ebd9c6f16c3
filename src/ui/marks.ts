/**
 * The state marks: ours, 16 by 16, drawn in the current colour. A disc is something that goes on, a ring
 * something that rests, a triangle or an octagon trouble: the outline alone tells them apart.
 */
import type { Mark } from "./states.ts";

const disc = '<circle cx="8" cy="8" r="7" fill="currentColor" opacity=".24"/>';
const ring = '<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5"/>';
const line = (d: string, width = 1.8): string =>
  `<path d="${d}" fill="none" stroke="currentColor" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`;

/** The inside of each mark's SVG symbol. */
export const marks: Record<Mark, string> = {
  play: `${disc}<path d="M6.4 4.9v6.2L11.2 8z" fill="currentColor"/>`,
  check: `${disc}${line("M5.2 8.3l2 2 3.6-4.1")}`,
  up: `${disc}${line("M5.3 9.4L8 6.6l2.7 2.8")}`,
  down: `${disc}${line("M5.3 6.7L8 9.5l2.7-2.8")}`,
  arc: `<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2.4" opacity=".24"/><path d="M8 2a6 6 0 1 1-5.6 3.9" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/>`,
  arrow: `${disc}${line("M4.9 8h6M8.5 5.4L11.1 8l-2.6 2.6", 1.7)}`,
  pause: `${ring}${line("M6.5 5.9v4.2M9.5 5.9v4.2", 1.6)}`,
  triangle:
    '<path d="M8 2.2l6.3 11.3H1.7z" fill="currentColor" fill-opacity=".18" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round"/><path d="M8 6.4v3.1M8 11.4v.1" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/>',
  octagon: `<path d="M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z" fill="currentColor" opacity=".24"/>${line("M6 6l4 4M10 6l-4 4", 1.9)}`,
  stop: `${ring}<rect x="5.9" y="5.9" width="4.2" height="4.2" rx=".8" fill="currentColor"/>`,
  clock: `${ring}${line("M8 4.8V8l2 1.4", 1.5)}`,
  unknown: `<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.2 1.7"/>${line("M6.5 6.7a1.5 1.5 0 1 1 2.1 1.4c-.4.2-.6.5-.6.9M8 11.1v.1", 1.4)}`,
  lock: `<rect x="3.2" y="7" width="9.6" height="6.6" rx="1.4" fill="currentColor" fill-opacity=".24" stroke="currentColor" stroke-width="1.4"/>${line("M5.3 7V5.2a2.7 2.7 0 0 1 5.4 0V7", 1.4)}`,
};
