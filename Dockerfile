# Reflector as an image: DATABASE_URL is all it needs.
#
#     docker build -t reflector .
#     docker run --rm -p 127.0.0.1:8000:8000 -e DATABASE_URL=postgresql://user:password@host/name reflector
#
# It listens on every address of the container. Without `auth` in a configuration it asks for an access token: the one in
# REFLECTOR_TOKEN, else one that is made at each start and shown once in the log. A configuration is read from
# /srv/config.yaml. It writes nothing but /tmp: run it with --read-only --tmpfs /tmp --cap-drop ALL.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
WORKDIR /build
COPY requirements-build.lock requirements.lock ./
# What builds stays here. Every package is the locked one, by its hash, and built with the locked tools.
RUN python -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
    && tools/bin/pip wheel --no-cache-dir --no-build-isolation --require-hashes -r requirements.lock --wheel-dir wheels
COPY pyproject.toml LICENSE ./
COPY reflector reflector
COPY server server
COPY examples examples
RUN tools/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir wheels . \
    && python -m venv --without-pip /opt/reflector \
    && tools/bin/pip --python /opt/reflector/bin/python install --no-cache-dir --no-index --no-deps wheels/*.whl \
    && /opt/reflector/bin/python -m compileall -q /opt/reflector/lib

FROM python:${PYTHON_VERSION}-slim-bookworm
RUN groupadd --gid 65532 reflector \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reflector
COPY --from=build /opt/reflector /opt/reflector
ENV PATH=/opt/reflector/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/tmp \
    REFLECTOR_HOST=0.0.0.0
WORKDIR /srv
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "server.probe"]
ENTRYPOINT ["reflector"]
CMD ["serve", "--wait"]
