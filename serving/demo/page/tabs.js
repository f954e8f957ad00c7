/** Tabs by the pattern of ARIA: arrows move between them. */

const MOVES = {
  ArrowRight: (index, count) => (index + 1) % count,
  ArrowLeft: (index, count) => (index + count - 1) % count,
  Home: () => 0,
  End: (index, count) => count - 1,
};

/**
 * Makes a list of tabs work.
 *
 * @param {HTMLElement} list holds the tabs, each naming its panel.
 */
export function makeTabs(list) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tabs, tab));
    tab.addEventListener("keydown", (event) => {
      const move = MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      const next = tabs[move(index, tabs.length)];
      choose(tabs, next);
      next.focus();
    });
  }
  const named = tabs.find((tab) => `#${tab.dataset.name}` === location.hash);
  choose(tabs, named ?? tabs[0]);
}

function choose(tabs, chosen) {
  for (const tab of tabs) {
    const active = tab === chosen;
    tab.setAttribute("aria-selected", String(active));
    tab.tabIndex = active ? 0 : -1;
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    panel.hidden = !active;
  }
  history.replaceState(null, "", `#${chosen.dataset.name}`);
}
