"""A configuration that says a little of everything, and a way to load text as if it were a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from server.config import Config, Flags, load

NO_FLAGS = Flags()
ENVIRONMENT = {
    "DB": "postgresql://reader:hunter2@db.example:5433/shop",
    "SIGNING": "canary-signing-key-of-forty-letters-long",
}
SAMPLE = """\
version: 1
database: {url: "${DB}", schemas: [public], exclude: [schema_migrations], pool: {max: 5}, watch: 500ms, timeout: 3s}
server:
  host: 0.0.0.0
  port: ${PORT:-8080}
  workers: 1
  cors: {origins: ["https://app.example.com"]}
  body: 64KiB
  # a line of its own, so that what follows has a place
  url: https://api.example.com/
  hosts: [api.example.com]
  secret: canary-cursor-key-of-thirty-two-bytes
  # a token would be refused beside auth
  tls: {certificate: cert.pem, key: key.pem}
auth:
  jwt:
    secret: ${SIGNING}
    audience: api
    issuer: https://id.example.com
    role_claim: roles
    default_role: user
    leeway: 10s
  anonymous_role: guest
roles:
  guest: {limits: {max_rows: 100, depth: 4}}
  user: {extends: guest, limits: {terms: 50, list: 20, timeout: 5s}}
  editor: {extends: [user]}
policies:
  own: owner_id == claims.sub
  published: {status: {_eq: published}}
defaults: {read: false, write: false, columns: listed}
tables:
  "*": {columns: {"*_secret": hidden}}
  article:
    name: articles
    allow:
      guest: {read: published, columns: [id, title]}
      user:
        read: own or published
        create: {check: own, columns: [title, body], presets: {owner_id: claims.sub, draft: true}}
        update: {filter: own, check: status != 'locked', columns: [title]}
        delete: own and status == 'draft'
        aggregate: true
    cache: {ttl: 30s, public: true}
relationships:
  article_stats.article: {to: article, join: {article_id: id}}
  article.comment: {rename: remarks}
limits: {rows: 500, page: 50, depth: 5, terms: 100, filter_depth: 8, list: 1000, offset: 10000}
cache: {memory: 16MiB}
redis: {url: "redis://reader:hunter2@redis.example:6380/1"}
"""

Loader = Callable[..., Config]


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Load text (or bytes) as a file named config.yaml."""

    def run(content: str | bytes, environ: Mapping[str, str] = ENVIRONMENT, flags: Flags = NO_FLAGS) -> Config:
        path = tmp_path / "config.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(path, environ, flags)

    return run
