// Runs before the first paint, so that a reader who chose dark sees no flash of
// light. Everything else is a module and comes later.
try {
  const theme = localStorage.getItem("muster.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {}
