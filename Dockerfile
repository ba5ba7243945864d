# The tool in an image of its own:  docker build -t weighbridge . && docker run --rm -v "$PWD:/data" weighbridge inspect model.bin
FROM swift:6.3-bookworm AS build
WORKDIR /source
COPY . .
RUN scripts/install /installed

FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends zlib1g && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed /usr/local
WORKDIR /data
ENTRYPOINT ["weighbridge"]
CMD ["--help"]
