// Follows the first sync. Without it the page shows the same, by loading itself again every few seconds.
"use strict";
const counts = document.getElementById("counts");
if (counts.dataset.final !== "yes") {
  const events = new EventSource(counts.dataset.events);
  events.addEventListener("run", (event) => {
    const run = JSON.parse(event.data);
    for (const name of ["users", "groups", "memberships"]) {
      document.getElementById(name).textContent = run[name];
    }
    const phase = document.getElementById("phase");
    if (phase.textContent !== run.phase) phase.textContent = run.phase;
    document.getElementById("bar").value = run.step;
    if (run.final) {
      events.close();
      location.reload();
    }
  });
}
