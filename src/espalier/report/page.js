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
