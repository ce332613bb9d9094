// Who waits where nothing is planned is led to the room as soon as there is one.

import { Push } from "./push.js";

/** The page that this leads to may be made by an instance that has not heard of it yet. */
const PAUSE = 500;

new Push({
  address: "/webinar/v1/webinars",
  onState: ({ webinars }) => {
    if (webinars.some((/** @type {{ cancelled: boolean }} */ one) => !one.cancelled)) setTimeout(() => location.reload(), PAUSE);
  },
});
