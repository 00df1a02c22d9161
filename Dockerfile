# The service in a container: locked install, no root, a read-only root will do, one volume for the database and its key.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.lock \
    && python3 -m venv /opt/entraid \
    && /opt/entraid/bin/pip install --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY clients clients
RUN /opt/build/bin/hatchling build -t wheel -d /dist \
    && /opt/entraid/bin/pip install --no-compile --no-deps --no-index /dist/*.whl \
    && /opt/entraid/bin/pip uninstall --yes setuptools pip \
    && python3 -m compileall -q -f --invalidation-mode unchecked-hash /opt/entraid/lib

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="entraid" \
      org.opencontainers.image.description="Connects an access-management product to Microsoft Entra ID" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/entraid --shell /usr/sbin/nologin entraid \
    && install --directory --owner entraid --group entraid --mode 0700 /var/lib/entraid
COPY --from=build /opt/entraid /opt/entraid
ENV PATH=/opt/entraid/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENTRAID_GRPC_ADDRESS=0.0.0.0:50051 \
    ENTRAID_HTTP_ADDRESS=0.0.0.0:8080 \
    ENTRAID_DATABASE_URL=sqlite:////var/lib/entraid/entraid.db
USER 10001:10001
WORKDIR /var/lib/entraid
VOLUME ["/var/lib/entraid"]
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["entraid", "health"]
ENTRYPOINT ["entraid"]
CMD ["serve"]
