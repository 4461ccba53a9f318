"""What the templates declare, read from them as CloudFormation reads them."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dlq_review.monitoring.report import FOR_CLOUDWATCH
from processing.infrastructure import scaling
from processing.infrastructure.cloudformation import MOST_BYTES
from processing.metrics import emf
from processing.sqs.topology import QUEUES, Queue
from tests.processing.infrastructure.rendering import (
    Template,
    alarms,
    messaging,
    of_type,
    templates,
    text,
)

ROOT = django_settings.BASE_DIR
QUEUE_METRIC = "ApproximateNumberOfMessagesVisible"
#: name: severity, metric, statistic, seconds, times, threshold, and of which queue
OF_EACH_QUEUE = {
    "depth": ("page", QUEUE_METRIC, "Average", 300, 2, "> 1000", "{}"),
    "age": ("page", "ApproximateAgeOfOldestMessage", "Maximum", 60, 3, "> 300", "{}"),
    "dlq": ("ticket", QUEUE_METRIC, "Maximum", 60, 1, "> 0", "{}-dlq"),
    "dead": ("ticket", "NumberOfMessagesReceived", "Sum", 60, 1, "> 0", "{}-dlq"),
    "errors": ("ticket", "MessagesProcessed", "Sum", 300, 2, "> 10", "{} Failure"),
}
OF_THE_SYSTEM = {
    "silent": ("page", "OpenDeadLetters", "SampleCount", 60, 5, "< 1", ""),
    "open": ("ticket", "OpenDeadLetters", "Maximum", 300, 1, "> OpenDeadLetters", ""),
    "workers": ("page", "QueuesWithoutWorker", "Minimum", 60, 5, "> 0", ""),
    "circuit": ("ticket", "SpooledEvents", "Maximum", 60, 3, "> 0", ""),
    "unaccounted": ("page", "Unaccounted", "Maximum", 60, 1, "> 0", ""),
    "archive": ("ticket", "ArchiveWaiting", "Minimum", 300, 3, "> 0", ""),
}


def row(alarm: dict[str, Any]) -> tuple[Any, ...]:
    sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
    threshold = alarm["Threshold"]
    if isinstance(threshold, dict):
        threshold = threshold["Ref"]
    return (
        alarm["AlarmDescription"].partition(":")[0],
        alarm["MetricName"],
        alarm["Statistic"],
        alarm["Period"],
        alarm["EvaluationPeriods"],
        f"{sign[alarm['ComparisonOperator']]} {threshold}",
        " ".join(_value(one["Value"]) for one in alarm["Dimensions"]).strip(),
    )


def _value(value: Any) -> str:
    """Of a dimension: a text, the name of a queue, or the prefix, which each has."""
    if isinstance(value, str):
        return value
    return queue_of(value["Fn::GetAtt"][0]) if "Fn::GetAtt" in value else ""


def queue_of(logical: str) -> str:
    name = of_type(messaging(), "AWS::SQS::Queue")[logical]["QueueName"]["Fn::Sub"]
    return str(name.removeprefix("${Prefix}"))


def test_the_alarms_have_the_thresholds_of_the_table() -> None:
    expected = {
        f"{queue}-{name}": (*cells, of.format(queue))
        for queue in QUEUES
        for name, (*cells, of) in OF_EACH_QUEUE.items()
    }
    found = {name: row(alarm) for name, alarm in alarms().items()}
    assert found == {**expected, **OF_THE_SYSTEM}


def test_only_silence_makes_an_alarm_where_there_is_no_metric() -> None:
    loud = {n for n, one in alarms().items() if one["TreatMissingData"] == "breaching"}
    assert loud == {"silent"}


def test_every_alarm_tells_when_it_begins_and_when_it_ends() -> None:
    for alarm in alarms().values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertTopic"}]


def test_alarms_on_metrics_of_our_own_exist_only_where_those_are_written() -> None:
    for resource in messaging()["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            ours = resource["Properties"]["Namespace"] == "Holdfast"
            assert (resource.get("Condition") == "HasMetrics") == ours


def test_alarms_watch_the_metrics_of_our_own_as_the_workers_write_them() -> None:
    told = ["OpenDeadLetters", "QueuesWithoutWorker", *FOR_CLOUDWATCH]
    system = emf.of_system(dict.fromkeys(told, 1))
    failures = emf._of_deliveries("orders", "failure", 1, [])
    for line, names in ((system, OF_THE_SYSTEM), (failures, ["orders-errors"])):
        written = json.loads(line)
        [about] = written["_aws"]["CloudWatchMetrics"]
        for alarm in (alarms()[name] for name in names):
            assert alarm["Namespace"] == about["Namespace"]
            assert alarm["MetricName"] in [one["Name"] for one in about["Metrics"]]
            found = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
            assert [list(found)] == about["Dimensions"]
            assert found.pop("Prefix") == {"Ref": "Prefix"}
            assert found == {name: written[name] for name in found}


def test_each_template_fits_into_a_deployment_with_room_for_another_queue() -> None:
    for template in templates().values():
        assert len(text(template)) <= 0.9 * MOST_BYTES


@pytest.mark.usefixtures("fifo_orders")
def test_a_fifo_queue_and_its_dlq_are_made_for_high_throughput() -> None:
    found = of_type(messaging(), "AWS::SQS::Queue")
    for name, queue in found.items():
        fifo = name in ("Orders", "OrdersDlq")
        assert queue["QueueName"]["Fn::Sub"].endswith(".fifo") == fifo
        assert (queue.get("DeduplicationScope") == "messageGroup") == fifo
        assert (queue.get("FifoThroughputLimit") == "perMessageGroupId") == fifo


def test_a_production_keeps_queues_and_archive_and_nothing_else() -> None:
    keep = {"Fn::If": ["IsProduction", "Retain", "Delete"]}
    for resource in messaging()["Resources"].values():
        kept = resource["Type"] in ("AWS::SQS::Queue", "AWS::S3::Bucket")
        assert (resource.get("DeletionPolicy") == keep) == kept
        assert (resource.get("UpdateReplacePolicy") == keep) == kept


def test_the_archive_forgets_what_is_older_than_its_parameter() -> None:
    [bucket] = of_type(messaging(), "AWS::S3::Bucket").values()
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "ArchiveDays"}
    assert (rule["Prefix"], rule["Status"]) == ("failed/", "Enabled")


def test_the_key_encrypts_queues_topic_and_archive_where_there_is_one() -> None:
    template = messaging()
    key = {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == key
        assert queue["SqsManagedSseEnabled"]["Fn::If"][2] is True
    [topic] = of_type(template, "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == key
    [bucket] = of_type(template, "AWS::S3::Bucket").values()
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": {"Fn::If": ["HasKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": key,
    }


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def container(process: str) -> dict[str, Any]:
    tasks = of_type(templates()["service"], "AWS::ECS::TaskDefinition")
    [found] = tasks[f"{process.capitalize()}Task"]["ContainerDefinitions"]
    return dict(found)


@pytest.mark.parametrize("process", procfile())
def test_a_task_runs_the_line_of_the_procfile_and_gets_its_signals(
    process: str,
) -> None:
    line = procfile()[process]
    expected = line if process == "release" else f"exec {line}"
    assert container(process)["Command"] == ["sh", "-c", expected]
    assert container(process)["StopTimeout"] == 60


def test_every_process_but_the_release_is_a_service_with_the_role_of_its_name() -> None:
    template = templates()["service"]
    services = of_type(template, "AWS::ECS::Service")
    assert len(services) == 4
    roles = of_type(messaging(), "AWS::IAM::Role").values()
    names = {role["RoleName"]["Fn::Sub"] for role in roles}
    for process in procfile().keys() - {"release"}:
        task = template["Resources"][f"{process.capitalize()}Task"]["Properties"]
        _, _, role = task["TaskRoleArn"]["Fn::Sub"].partition(":role/")
        assert role in names


def test_there_are_never_two_beats_and_never_no_web() -> None:
    services = of_type(templates()["service"], "AWS::ECS::Service")
    bounds = {
        name.removesuffix("Service"): (
            one["DeploymentConfiguration"]["MinimumHealthyPercent"],
            one["DeploymentConfiguration"]["MaximumPercent"],
        )
        for name, one in services.items()
    }
    rolling = (100, 200)
    assert bounds.pop("Beat") == (0, 100)
    assert bounds == {"Web": rolling, "Worker": rolling, "Jobs": rolling}


def test_every_setting_of_a_task_is_one_that_holdfast_reads() -> None:
    example = (ROOT / ".env.example").read_text()
    for process in procfile():
        given = container(process)
        names = [one["Name"] for one in (*given["Environment"], *given["Secrets"])]
        assert [name for name in names if f"#{name}=" not in example] == []
        assert len(names) == len(set(names))
        collector = {"Ref": "OtlpEndpoint"}
        spans = {"Name": "OTEL_EXPORTER_OTLP_ENDPOINT", "Value": collector}
        assert spans in given["Environment"]


def test_workers_are_scaled_by_what_waits_and_what_they_hold_of_every_event_queue() -> (
    None
):
    [policy] = of_type(
        templates()["service"], "AWS::ApplicationAutoScaling::ScalingPolicy"
    ).values()
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    *counted, tasks, each = tracking["CustomizedMetricSpecification"]["Metrics"]
    assert [one["ReturnData"] for one in (*counted, tasks)] == [False] * 9
    metrics = [one["MetricStat"]["Metric"] for one in counted]
    found = {
        (one["MetricName"], one["Dimensions"][0]["Value"]["Fn::Sub"]) for one in metrics
    }
    assert found == {
        (metric, f"${{Prefix}}{name}")
        for metric in (QUEUE_METRIC, "ApproximateNumberOfMessagesNotVisible")
        for name in QUEUES
        if name != "jobs"
    }
    ids = " + ".join(one["Id"] for one in counted)
    assert each["Expression"] == f"({ids}) / IF(tasks < 1, 1, tasks)"
    assert len(ids.split(" + ")) == 8


def test_more_queues_than_one_scaling_policy_can_watch_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = {**QUEUES, "invoices": Queue("invoices")}
    with pytest.raises(scaling.TooManyQueuesError, match="scaling.py:UNWATCHED"):
        scaling.scaling(more)
    monkeypatch.setattr(scaling, "UNWATCHED", ("emails",))
    watched = json.dumps(scaling.scaling(more))
    assert "invoices" in watched
    assert "emails" not in watched


def firewall() -> tuple[Template, Template]:
    [found] = of_type(templates()["edge"], "AWS::WAFv2::WebACL").values()
    rate, common = found["Rules"]
    return rate, common


def test_the_edge_answers_429_to_2000_requests_of_one_address_in_5_minutes() -> None:
    rate, _ = firewall()
    assert rate["Statement"]["RateBasedStatement"] == {
        "Limit": {"Ref": "RatePerAddress"},
        "EvaluationWindowSec": 300,
        "AggregateKeyType": "IP",
    }
    assert templates()["edge"]["Parameters"]["RatePerAddress"]["Default"] == 2000
    answer = rate["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429
    assert answer["ResponseHeaders"] == [{"Name": "Retry-After", "Value": "300"}]


def test_the_common_rules_drop_no_order_whose_note_looks_like_an_attack() -> None:
    _, common = firewall()
    assert common["OverrideAction"] == {"Count": {}}


def test_only_static_files_are_cached_at_the_edge() -> None:
    [found] = of_type(templates()["edge"], "AWS::CloudFront::Distribution").values()
    config = found["DistributionConfig"]
    rest, [static] = config["DefaultCacheBehavior"], config["CacheBehaviors"]
    assert static["PathPattern"] == "/static/*"
    assert static["CachePolicyId"] != rest["CachePolicyId"]
    assert "POST" in rest["AllowedMethods"]
    assert "POST" not in static["AllowedMethods"]


def test_the_files_in_infra_are_those_that_are_rendered() -> None:
    call_command("render_infra", "--check")


def test_a_change_of_the_declaration_makes_the_files_stale(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a" / "b"
    call_command("render_infra", f"--output={output}")
    call_command("render_infra", f"--output={output}", "--check")
    said = capsys.readouterr().out.splitlines()
    assert said.pop() == "All files are as declared."
    assert {line.partition(": ")[2].rpartition(" ")[2] for line in said} == {"bytes"}
    (output / "edge.json").write_text("{}")
    with pytest.raises(CommandError, match=r"Not as declared: \S+edge.json. Run this"):
        call_command("render_infra", f"--output={output}", "--check")
    assert (output / "edge.json").read_text() == "{}", "nothing is written"
    call_command("render_infra", f"--output={tmp_path}")
    settings.SQS_MAX_RECEIVE_COUNT = 4
    with pytest.raises(CommandError) as found:
        call_command("render_infra", f"--output={tmp_path}", "--check")
    for name in ("messaging.json", "service.json", "terraform/messaging.tf.json"):
        assert f"{tmp_path}/{name}" in str(found.value)
    assert "edge.json" not in str(found.value)


def test_a_folder_in_which_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"file cannot be written: .+ Give --output"):
        call_command("render_infra", f"--output={tmp_path / 'file'}")


@pytest.mark.parametrize(
    ("only", "files"),
    [
        ("cloudformation", ["edge.json", "messaging.json", "service.json"]),
        ("terraform", ["messaging.tf.json"]),
        ("monitoring", ["grafana-dashboard.json", "prometheus-rules.yaml"]),
    ],
)
def test_one_format_alone_can_be_rendered(
    tmp_path: Path, only: str, files: list[str]
) -> None:
    call_command("render_infra", f"--format={only}", f"--output={tmp_path}")
    written = [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert sorted(written) == files


def test_a_template_too_long_for_a_plain_deployment_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        monkeypatch.setitem(QUEUES, f"more-{n}", Queue(f"more-{n}"))
    monkeypatch.setattr(scaling, "MOST_METRICS", 99)
    call_command("render_infra", f"--output={tmp_path}")
    told = capsys.readouterr().err
    assert "messaging.json: more than 51200 bytes. Deploy it with --s3-bucket." in told


def test_each_environment_has_parameters_that_the_template_takes() -> None:
    files = sorted((ROOT / "infra/parameters").glob("*.json"))
    known = messaging()["Parameters"]
    environments = []
    for file in files:
        given = json.loads(file.read_text())["Parameters"]
        assert set(given) <= set(known)
        environments.append(given["Environment"])
    assert sorted(environments) == sorted(known["Environment"]["AllowedValues"])
