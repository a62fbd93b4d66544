"""The parts of the demo's orchestrator; demo.py is the command line."""
