"""The connection settings for SQS, shared by three clients.

boto3 inspects; curl_client sends while somebody waits, and pulls; a worker's
event loop polls and deletes. They trust the same authorities, take the same proxy and sign
with
the same credentials, as boto3 settles them from its files and the environment
(AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY). All time limits stand here.
"""

import os
from dataclasses import dataclass

import pycurl
from botocore.config import Config
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.session import Session
from botocore.utils import get_environ_proxies

from processing.sqs.credentials import Steady

#: While somebody waits: seconds to connect (including DNS and TLS), and in all. Each KiB
#: that is sent adds a millisecond.
QUICK_CONNECT = 0.5
QUICK_ANSWER = 1.0
QUICK_CREDENTIALS = 0.5
#: Seconds in all for a call of the pull, where nobody waits.
UNHURRIED_ANSWER = 30.0

#: A worker's event loop: seconds to connect, and beyond the wait of a long poll.
POLL_CONNECT = 5
POLL_ANSWER = 5

#: boto3.
WORKING = Config(
    connect_timeout=3,
    read_timeout=30,  # above the longest long poll, 20 s
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
)

LOCAL = Steady("local", "local")  # a server of ours takes any, but some there must be


@dataclass(frozen=True, slots=True)
class Access:
    """The options for curl, with the values that boto3 finds for itself."""

    endpoint: str
    region: str
    credentials: Steady
    ca_bundle: str
    proxy: str
    """Its address; empty for none."""

    def tell(self, curl: pycurl.Curl) -> None:
        curl.setopt(pycurl.CAINFO, self.ca_bundle)
        curl.setopt(pycurl.PROXY, self.proxy)  # empty: nor what curl reads itself
        curl.setopt(pycurl.PROXY_CAINFO, self.ca_bundle)
        curl.setopt(pycurl.NOSIGNAL, 1)  # threads share a process's signals


def settled(endpoint: str, region: str, credentials: Steady) -> Access:
    """Read the settings from the current environment."""
    proxies = ProxyConfiguration(get_environ_proxies(endpoint))
    proxy = proxies.proxy_url_for(endpoint) or ""
    return Access(endpoint, region, credentials, ca_bundle(), proxy)


def ca_bundle() -> str:
    """The file of the trusted certificate authorities."""
    return str(
        Session().get_config_variable("ca_bundle")
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or get_cert_path(True)
    )
