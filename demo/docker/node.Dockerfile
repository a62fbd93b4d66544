# Node.js for the BFF and DynamoDB: Debian 12 has version 18 only, so the program of this machine is taken.
# The orchestrator puts it into the build context as `node` and npm's folder as `npm`.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libstdc++6 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && node --version && npm --version
