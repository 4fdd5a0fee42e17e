"""An app whose tasks are declared with Django's own framework, for tests of the backend."""
