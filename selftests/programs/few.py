# SPDX-License-Identifier: GPL-2.0-only
"""Of the many services those that take up the least."""

from dataclasses import replace

import many_data
import many_talk
from service import RULES, tests_of  # pylint: disable=unused-import

SMALL = ("beanstalkd", "ngircd", "openbsd-inetd", "openssh-server", "vsftpd")

globals().update(tests_of(replace(service, bpf=True)
                          for service in (*many_data.SERVICES, *many_talk.SERVICES)
                          if service.name in SMALL))
