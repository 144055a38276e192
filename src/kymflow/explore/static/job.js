// A step that runs on the server: started, watched, cancelled.

import { get, post } from "./api.js";
import { fill, h, many } from "./dom.js";

const EVERY_MS = 400;

/** Shows the step that runs, or ran last. */
export class JobPanel {
  /** @param {HTMLElement} host @param {(job: any) => void} ended */
  constructor(host, ended) {
    this.host = host;
    this.ended = ended;
    this.open = true;
    this.follow(false);
  }

  close() {
    this.open = false;
  }

  async start(step) {
    await post("job", { step });
    await this.follow(true);
  }

  async follow(wasRunning) {
    let running = wasRunning;
    while (this.open) {
      const job = await get("job");
      if (!this.open) return;
      this.draw(job);
      if (job?.state !== "running") {
        if (running) this.ended(job);
        return;
      }
      running = true;
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  }

  draw(job) {
    if (!job) return fill(this.host);
    const running = job.state === "running";
    const meter = h("progress", { max: Math.max(1, job.total), value: job.done });
    const cancel = h("button", { onclick: () => post("job/cancel", {}) }, "Cancel");
    return fill(
      this.host,
      h("h2", {}, `${job.step}: ${job.state}`),
      running ? h("p", {}, job.stage, " ", meter, ` ${job.done} of ${job.total} `, cancel) : null,
      job.lines.map((line) => h("p.line", {}, line)),
      job.error ? h("p.wrong", { role: "alert" }, job.error.message) : null,
      job.failures.length ? h("p.wrong", {}, `${many(job.failures.length, "image")} failed:`) : null,
      h("ul", {}, job.failures.map((each) => h("li", {}, `${each.image}: ${each.message}`))),
    );
  }
}
