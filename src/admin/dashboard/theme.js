// Before the first paint, so that a dark page never flashes white: a classic script, not a module.
document.documentElement.dataset.theme = localStorage.getItem("breakerbox.theme") ?? "auto";
