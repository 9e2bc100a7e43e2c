// A site's own buttons for the chat; they work before the chat has loaded, too.
window.Otklik = window.Otklik || { q: [] };
for (const button of document.querySelectorAll("[data-chat]"))
  button.addEventListener("click", () => window.Otklik.q.push([button.dataset.chat]));
