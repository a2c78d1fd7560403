(() => {
  const graph = document.getElementById("graph");
  const said = document.getElementById("said");
  const words = document.getElementById("words");
  const frames = [...graph.children];
  const part = (frame, name) => parseFloat(frame.style[name]);
  const places = frames.map(frame => [part(frame, "left"), part(frame, "width"), part(frame, "top")]);
  const zoom = at => {
    const [left, width, top] = places[at];
    frames.forEach((frame, other) => {
      const [x, w, y] = places[other];
      const isThere = x < left + width - 1e-6 && x + w > left + 1e-6;
      frame.hidden = !isThere;
      if (!isThere) return;
      const begin = Math.max(0, (x - left) / width * 100);
      const end = Math.min(100, (x + w - left) / width * 100);
      frame.style.left = begin + "%";
      frame.style.width = end - begin + "%";
      frame.classList.toggle("out", y < top);
      frame.classList.toggle("thin", (end - begin) / 100 * graph.clientWidth < 18);
    });
  };
  const search = () => {
    const text = words.value.toLowerCase();
    let sum = 0, end = -1;
    frames.forEach((frame, at) => {
      const isHit = text !== "" && frame.textContent.toLowerCase().includes(text);
      frame.classList.toggle("hit", isHit);
      // Callers come first: what they called is in them.
      if (isHit && places[at][0] > end - 1e-6) {
        sum += places[at][1];
        end = places[at][0] + places[at][1];
      }
    });
    graph.classList.toggle("found", text !== "");
    said.textContent = text === "" ? "" : sum.toFixed(1) + " % has it";
  };
  graph.addEventListener("click", event => {
    const at = frames.indexOf(event.target);
    if (at >= 0) zoom(at);
  });
  graph.addEventListener("mouseover", event => {
    if (words.value === "" && event.target !== graph) said.textContent = event.target.title;
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    words.value = "";
    search();
    zoom(0);
  });
  words.addEventListener("input", search);
  addEventListener("resize", () => { if (!frames.some(frame => frame.hidden)) zoom(0); });
  document.getElementById("tools").hidden = false;
  zoom(0);
})();
