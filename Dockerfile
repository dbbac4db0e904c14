FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap git && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/bench-farm
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt '.[farm]'
RUN useradd --create-home bench && mkdir -p /var/lib/bench/work /var/lib/bench/archives && chown -R bench /var/lib/bench
USER bench
WORKDIR /home/bench
