/** What other plugins can put on the dashboard. */
import { type ServiceKey, serviceKey, type Viewer } from "jimv";

/** Something that waits for a person: what it is, what it means, and the way to it. */
export interface Need {
  /** Unique and stable, so that it stays in its place: `node-kvm-01`. */
  id: string;
  tone: "bad" | "warn";
  title: string;
  detail: string;
  action: { label: string; href: string };
}

/** Who has things that may need somebody adds an entry; it is asked at each page and change. */
export type Needs = (viewer: Viewer) => Promise<readonly Need[]>;
export const dashboardNeeds: ServiceKey<Needs> = serviceKey("dashboard.needs");
