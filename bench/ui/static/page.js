// What htmx has no attribute for. No inline script: the content security policy allows files of this page alone.
"use strict";

// A section that is replaced while it holds the focus gives the focus to its successor's element of the same id.
document.addEventListener("htmx:beforeSwap", (event) => {
  const focused = document.activeElement;
  if (focused && focused.id && event.detail.target.contains(focused)) {
    const id = focused.id;
    document.addEventListener("htmx:afterSettle", () => document.getElementById(id)?.focus(), { once: true });
  }
});
