// On a phone a wide picture scrolls in a box of its own, so that its labels stay legible. The
// landing page begins at its right end, where the faults are.
document.addEventListener("DOMContentLoaded", () => {
  for (const picture of document.querySelectorAll("article img:not(.sphx-glr-thumbcontainer img)")) {
    const box = document.createElement("div");
    box.className = "picture";
    picture.replaceWith(box);
    box.append(picture);
  }
});
window.addEventListener("load", () => {
  const first = document.querySelector(".hero ~ p .picture, .hero ~ .picture");
  if (first) first.scrollLeft = first.scrollWidth;
});
