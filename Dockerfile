# Regraft in a container: `docker compose up` builds it. The same binary for each stage; the command says which.
FROM rust:1.95.0-bookworm AS build
# librdkafka is built from its sources, against the system's OpenSSL.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ libssl-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin regraft --example monolith \
    && mkdir /out && cp target/release/regraft target/release/examples/monolith /out/

FROM debian:12.12-slim AS runtime
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /regraft --shell /usr/sbin/nologin regraft
WORKDIR /regraft
COPY pipelines pipelines
COPY schemas schemas
COPY validators validators
# Where validate-pre keeps its statistics.
RUN install --directory --owner=10001 --group=10001 statistics
USER 10001:10001
EXPOSE 9184
# Loopback is the default; in a container nobody would reach it. The compose file publishes it on loopback only.
ENV REGRAFT__METRICS__LISTEN=0.0.0.0:9184
# Until the worker is told to stop it finishes and commits its batch.
STOPSIGNAL SIGTERM

# The sample monolith of the demo, to try things out.
FROM runtime AS sample
COPY --from=build /out/monolith /usr/local/bin/monolith
ENTRYPOINT ["monolith"]

FROM runtime AS regraft
COPY --from=build /out/regraft /usr/local/bin/regraft
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=6 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9184 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["regraft"]
CMD ["--help"]
