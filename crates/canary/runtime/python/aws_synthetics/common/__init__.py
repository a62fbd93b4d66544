from mitoshi_canary.config import configuration as synthetics_configuration
from mitoshi_canary.log import logger as synthetics_logger

__all__ = ["synthetics_configuration", "synthetics_logger"]
