"""What a scraper of each second adds up, and where it differs from what workers did."""

from pathlib import Path

from tests.chaos.watcher import Watched, accepted, discrepancies, processed


def total(queue: str, status: str = "success") -> str:
    return f'holdfast_messages_processed_total{{queue="{queue}",status="{status}"}}'


def watched(*looks: dict[str, float]) -> Watched:
    one = Watched()
    for look in looks:
        one.add(look)
    return one


def test_a_counter_that_begins_anew_goes_on() -> None:
    orders, failed, jobs = total("orders"), total("orders", "failure"), total("jobs")
    one = watched(
        {orders: 3, failed: 1, jobs: 9}, {orders: 5, failed: 1}, {orders: 2, failed: 0}
    )
    assert (processed(one), one.scrapes) == (3 + 2 + 2 + 1, 3)


def test_what_the_front_door_refused_is_not_accepted() -> None:
    name = 'holdfast_accepted_total{{type="order_created",outcome="{}"}}'
    kinds = {name.format(one): 2.0 for one in ("queued", "spooled", "refused")}
    assert accepted(watched(kinds)) == 4


def test_a_delivery_that_is_counted_twice_or_not_at_all_is_named(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "held.log"
    journal.write_text(
        "1.0 worker-1 let-go a orders\n"
        "5.0 worker-1 let-go b orders\n"
        "5.0 worker-1 let-go c jobs\n"
        "5.0 worker-1 taken d orders\n"
        "6.0 worker-1 given-back d orders\n"
    )
    right = {"worker-1": watched({total("orders"): 1}), "web": Watched()}
    assert list(discrepancies(right, journal, 2.0)) == []
    (said,) = discrepancies(right, journal, 0.0)
    assert said == "the metrics of worker-1 say 1 deliveries ended, and 2 did"
