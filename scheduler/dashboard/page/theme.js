// Before the page is drawn: the viewer's choice of light or dark; without one, the system's.
(function () {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
