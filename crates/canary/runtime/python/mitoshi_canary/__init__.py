"""The runtime behind `aws_synthetics`: one run of one Python canary script. Standard library only."""
