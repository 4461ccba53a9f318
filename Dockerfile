# One image, four processes: the lines of Procfile are its commands, web is the default.
FROM python:3.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
# With requirements-tracing.txt it exports spans, see docs/tracing.md.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-tracing.txt ./
# The hashes hold each package to what was tested, and nothing is compiled.
RUN pip install --require-hashes --only-binary :all: -r $REQUIREMENTS

COPY . .
# With a key that is thrown away: nothing that is collected is signed.
RUN VAR_DIR=/tmp/build python manage.py collectstatic --no-input && rm -r /tmp/build

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin holdfast \
    && install -d -o holdfast -g holdfast -m 0700 /var/lib/holdfast
USER 10001
ENV VAR_DIR=/var/lib/holdfast
ARG RELEASE=development
ENV RELEASE=$RELEASE
EXPOSE 8000
CMD ["sh", "-c", "exec python -m intake.web --workers ${WEB_CONCURRENCY:-2} --threads 8 --bind ${BIND_HOST:-0.0.0.0}:${PORT:-8000}"]
