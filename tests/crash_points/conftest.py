from tests.crash_points.system import point, server

__all__ = ["point", "server"]
