// On a phone a wide picture scrolls in a box of its own, so that its labels stay legible.
document.addEventListener("DOMContentLoaded", () => {
  for (const picture of document.querySelectorAll("article img:not(.sphx-glr-thumbcontainer img)")) {
    const box = document.createElement("div");
    box.className = "picture";
    picture.replaceWith(box);
    box.append(picture);
  }
});
