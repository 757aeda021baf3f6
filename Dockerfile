# The worker with the HDF5 and Faiss libraries, and the starter.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY scripts scripts
ENV MILVUSDM_CACHE=/cache
RUN scripts/install.sh libraries
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="$VERSION"

FROM debian:12.12-slim
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates libgomp1 libhdf5-103-1 libhdf5-hl-100 libopenblas0-pthread \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home milvusdm \
 && install -d -o milvusdm -g milvusdm /reports
COPY --from=build /src/bin/milvusdm /src/bin/milvusdm-worker /usr/local/bin/
USER milvusdm
WORKDIR /home/milvusdm
VOLUME /data /reports
CMD ["milvusdm-worker", "-reports", "/reports"]
