// Keeps an open page current: new feed lines are added, parts that show progress fetch themselves.
(() => {
  "use strict";
})();
