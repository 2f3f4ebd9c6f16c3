/** The V mark, with or without the name beside it. */
export function Logo({ name = true }: { name?: boolean }) {
  return (
    <span class="logo">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <rect class="logo-ground" width="24" height="24" rx="6" />
        <path class="logo-v" d="M7 7.5l5 9.5 5-9.5" />
      </svg>
      {name ? <span>JimV</span> : <span class="sr">JimV</span>}
    </span>
  );
}
