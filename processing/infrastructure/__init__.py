"""What Holdfast needs of AWS, as pure functions of the queue topology.

`policies` says which process may do what. Nothing here calls AWS or reads settings. The package
imports `processing.sqs.topology` and nothing else of ours.
"""
