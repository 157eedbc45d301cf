// In Locust's own page: what a start or a change is doing, at once, and what it was refused for.
"use strict";

(() => {
  const SWARM = /(^|\/)swarm$/;
  const bar = document.getElementById("mcstress-bar");
  const told = bar.querySelector("output");
  const ask = window.fetch;
  let underWay = null;

  function say(text, isBad = false) {
    told.textContent = text;
    bar.classList.toggle("bad", isBad);
  }

  function counting(began) {
    const seconds = Math.round((Date.now() - began) / 1000);
    say(`Starting: services are looked at, and built-in ones started … ${seconds} s`);
  }

  async function watched(request) {
    const began = Date.now();
    counting(began);
    const timer = setInterval(counting, 1000, began);
    try {
      const response = await request();
      const answer = await response.clone().json().catch(() => ({}));
      if (answer.success) say("");
      else say(answer.message ? `Refused: ${answer.message}` : "", true);
      return response;
    } catch (error) {
      say("No answer from Locust.", true);
      throw error;
    } finally {
      clearInterval(timer);
      underWay = null;
    }
  }

  // A second click while the first is being done asks for nothing: it gets the same answer.
  window.fetch = async (...asked) => {
    const [resource, options] = asked;
    const path = new URL(resource.url ?? resource, location.href).pathname;
    const method = options?.method ?? resource.method ?? "GET";
    if (method !== "POST" || !SWARM.test(path)) return ask(...asked);
    underWay ??= watched(() => ask(...asked));
    return (await underWay).clone();
  };
})();
