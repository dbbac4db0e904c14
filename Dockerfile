# `make image-digests` prints this image with its digest.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python -m venv /opt/bench-farm
COPY constraints/farm.txt constraints/farm.txt
RUN /opt/bench-farm/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r constraints/farm.txt
COPY pyproject.toml README.md LICENSE bench_farm.py ./
COPY bench/ bench/
COPY workers/ workers/
COPY db/ db/
COPY planner/ planner/
COPY migrations/ migrations/
RUN /opt/bench-farm/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap git git-lfs openssh-client && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/bench-farm /opt/bench-farm
ENV PATH=/opt/bench-farm/bin:$PATH
RUN useradd --create-home bench && mkdir -p /var/lib/bench/work /var/lib/bench/archives && chown -R bench /var/lib/bench
USER bench
WORKDIR /home/bench
