// The mark: a line of sight over a horizon. Inline, so the top bar needs no request.

const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#12385f"/><path d="M4 22 L12 13 L17 18 L28 7" fill="none" stroke="#4fd1c5" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/><circle cx="12" cy="13" r="2.6" fill="#fff"/><circle cx="17" cy="18" r="2.6" fill="#fff"/><circle cx="28" cy="7" r="2.6" fill="#ffb454"/><path d="M4 27h24" stroke="#7f9bb8" stroke-width="1.6" stroke-linecap="round"/></svg>';

export const logo = `data:image/svg+xml,${encodeURIComponent(svg)}`;
