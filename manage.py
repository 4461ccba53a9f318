#!/usr/bin/env python
"""Django's command line for Holdfast."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # it says what to set
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"Settings: {error}")
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv:
            raise
        said = str(error).strip().partition("\n")[0]
        sys.stderr.write(
            f"The database did not do it: {said}. Correct DATABASE_URL, run `manage.py "
            "migrate` if tables are missing, or try again.\n"
        )
        sys.exit(2)
    except BrokenPipeError:  # as of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
