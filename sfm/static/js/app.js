// What pages need beyond htmx: toasts, focus on what is wrong, closing the menu. No page needs it.
(function() {
  "use strict";

  var box = document.getElementById("toasts"); // the page's own words for this script stand on it

  function showToast(level, message) {
    if (!box || !message) return;
    var line = document.createElement("p");
    line.className = "toast toast-" + (/^(info|success|warning|error)$/.test(level) ? level : "info");
    line.textContent = message; // never markup
    box.append(line);
    dismissLater(line);
  }

  function dismissLater(line) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "toast-close";
    button.setAttribute("aria-label", box.dataset.close);
    button.textContent = "×";
    button.addEventListener("click", function() {
      line.remove();
    });
    line.append(button);
    if (!/toast-(error|warning)/.test(line.className)) {
      setTimeout(function() {
        line.remove();
      }, 8000);
    }
  }

  document.addEventListener("toast", function(event) {
    showToast(event.detail.level, event.detail.message);
  });
  document.addEventListener("htmx:sendError", function() {
    showToast("error", box.dataset.unreachable);
  });
  document.addEventListener("htmx:afterSwap", function(event) {
    var summary = event.detail.target.isConnected ?
      event.detail.target.querySelector(".error-summary") :
      document.querySelector(".error-summary");
    if (summary) summary.focus();
  });

  document.addEventListener("change", function(event) {
    var master = event.target.closest("[data-ticks]");
    if (!master) return;
    document.querySelectorAll(master.getAttribute("data-ticks")).forEach(function(tick) {
      tick.checked = master.checked;
    });
  });

  document.querySelectorAll("#toasts .toast").forEach(dismissLater);
  var first = document.querySelector(".error-summary");
  if (first) first.focus();
})();
