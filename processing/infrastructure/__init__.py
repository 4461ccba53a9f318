"""What Holdfast needs of AWS, as pure functions of the queue topology.

`policies` says which process may do what, `alarms` what is watched. `cloudformation` and
`terraform` make templates of both, which `manage.py render_infra` writes to infra/. Nothing here
calls AWS or reads settings. The package imports `processing.sqs.topology` and
`processing.sqs.attributes`, and nothing else of ours.
"""
