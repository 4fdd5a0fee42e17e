"""The pages: translate the request, ask one query or call one verb, render."""
