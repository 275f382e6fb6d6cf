"""Kill tests (宕机测试): the process is killed at every commit point, restarted and compared."""
