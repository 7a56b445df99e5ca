"""The document at the root of the API: what whoever asks may do, as Swagger 2.0 or OpenAPI 3.1."""
