"use strict";

// A session's writes need the CSRF token that Django left in a cookie.
function csrfToken() {
  const found = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return found ? decodeURIComponent(found[1]) : "";
}

window.addEventListener("load", () => {
  const place = document.getElementById("swagger-ui");
  SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    requestInterceptor: (request) => {
      request.headers["X-CSRFToken"] = csrfToken();
      return request;
    },
  });
});
