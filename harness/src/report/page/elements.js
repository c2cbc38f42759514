// Elements of the page.

/** An element. Text is always text, never markup; `on` takes listeners and `style` custom properties. */
function el(tag, { on = {}, style = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const [name, value] of Object.entries(style)) made.style.setProperty(name, value);
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  made.append(...children.flat().filter(child => child != null));
  return made;
}

const at = id => document.getElementById(id);
const fill = (place, ...children) => place.replaceChildren(...children.flat(2).filter(child => child != null));
