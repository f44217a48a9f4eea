# The service for real use: docker build -t forewarn .
# Every package comes by the locks in requirements/ and package-lock.json, checked by hash.

FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/node.txt
RUN /opt/tools/bin/pip wheel --no-cache-dir --no-build-isolation --use-pep517 --require-hashes \
        -r requirements/runtime.txt --wheel-dir /wheels
COPY . .
RUN /opt/tools/bin/python scripts/fetch_web.py \
    && /opt/tools/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/forewarn \
    && /opt/forewarn/bin/pip install --no-cache-dir --no-index --find-links /wheels forewarn

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/forewarn forewarn
COPY --from=build /opt/forewarn /opt/forewarn
ENV PATH=/opt/forewarn/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FOREWARN_DATA__DIR=/var/lib/forewarn \
    NUMBA_CACHE_DIR=/var/lib/forewarn/compiled \
    FOREWARN_HTTP__HOST=0.0.0.0 \
    FOREWARN_HTTP__PORT=8000
USER 10001
WORKDIR /var/lib/forewarn
VOLUME /var/lib/forewarn
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["forewarn"]
CMD ["serve"]
