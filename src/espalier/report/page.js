"use strict";
(() => {
  const body = document.body, root = document.documentElement, errors = [];
  const note = (what) => { errors.push(String(what)); body.dataset.errors = errors.join(" | "); };
  window.addEventListener("error", (event) => note(event.message));
  window.addEventListener("unhandledrejection", (event) => note(event.reason));
  document.addEventListener("securitypolicyviolation", (event) =>
    note("policy: " + event.violatedDirective + " " + event.blockedURI));

  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const only = {};
  const shown = (one) => Object.entries(only).every(([by, value]) => !value ||
    (one.dataset[by] || one.closest("[data-" + by + "]").dataset[by]) === value);
  const sift = () => {
    for (const one of document.querySelectorAll(".reply")) one.hidden = !shown(one);
    for (const group of document.querySelectorAll("details.replies")) {
      group.hidden = !group.querySelector(".reply:not([hidden])");
      if (Object.values(only).some(Boolean)) group.open = true;
    }
  };
  for (const bar of document.querySelectorAll(".filter")) {
    bar.hidden = false;
    bar.addEventListener("click", (event) => {
      const pressed = event.target.closest("button");
      if (!pressed) return;
      for (const one of bar.children) one.setAttribute("aria-pressed", String(one === pressed));
      only[bar.dataset.by] = pressed.dataset.only;
      sift();
    });
  }

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.tests:not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));

  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = {
    actions: false, ast: true, defaultStyle: false, renderer: "svg",
    tooltip: { disableDefaultStyle: true, theme: "espalier" },
    loader: { load: () => Promise.reject(new Error("nothing is loaded")) },
  };
  const draw = async () => {
    let drawn = 0;
    body.dataset.errors = "";
    for (const place of document.querySelectorAll(".chart")) {
      try {
        await vegaEmbed(place, specs[Number(place.dataset.chart)], options);
        place.style.minHeight = "";
        drawn += place.querySelectorAll("svg").length;
      } catch (error) {
        note(error);
      }
      body.dataset.charts = String(drawn);
    }
    body.dataset.done = "yes";
  };
  draw();
})();
