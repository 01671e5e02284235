// A file of its own, because the page's content security policy runs no script that is written into the page.
"use strict";

SwaggerUIBundle({
  dom_id: "#viewer",
  url: "/api/openapi.json",
  // The default sends the document's address to a server of somebody else's.
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tagsSorter: "alpha",
});
