"""Letters whose every text would be markup if a page let it."""

from dlq_review.models import DeadLetter
from tests.builders import dead_letter, failure

POISON = "<script>alert(1)</script>"


def poisoned() -> DeadLetter:
    body = f'{{"id":"poison","type":"order_created","timestamp":"{POISON}",'
    body += f'"data":{{"order_id":"{POISON}","email":"{POISON}","{POISON}":"{POISON}",'
    body += f'"items":[{{"sku":"{POISON}","quantity":"{POISON}"}}, "{POISON}"]}}}}'
    attributes = failure(error_type=POISON, error_text=POISON, release=POISON)
    return dead_letter(body, attributes=attributes | {POISON: POISON})
