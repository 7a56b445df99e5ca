"""The GraphQL API, in Hasura v2's grammar."""

from server.apis.graphql.routes import graphql_routes

__all__ = ["graphql_routes"]
