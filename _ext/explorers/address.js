// The page's address keeps the state of each explorer under its own name: ?NAME=STATE. Explorers do not collide.

/** Return the state text that the address gives to an explorer, or null. */
export const readAddress = (name) => new URL(location.href).searchParams.get(name);

/** Put an explorer's state text into the address; an empty text takes it out. */
export function writeAddress(name, text) {
  const address = new URL(location.href);
  if (text) address.searchParams.set(name, text);
  else address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}

/** Return an address that opens at an explorer as it is now. */
export function linkTo(name) {
  const address = new URL(location.href);
  address.hash = name;
  return address.href;
}
