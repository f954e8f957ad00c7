/** Makes elements. */

/**
 * Makes an element.
 *
 * @param {string} tag its name.
 * @param {Object} attributes by name; `on` holds listeners by event, and true
 *     and false are boolean attributes that are there or not.
 * @param {...(Node|string)} children what it holds.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  const { on = {}, ...plain } = attributes;
  for (const [name, value] of Object.entries(plain)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, value);
  }
  for (const [type, listener] of Object.entries(on)) {
    element.addEventListener(type, listener);
  }
  element.append(...children);
  return element;
}

/** The element of the page with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Says something to those who hear the page. */
export function say(text) {
  byId("spoken").textContent = text;
}
