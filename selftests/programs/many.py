# SPDX-License-Identifier: GPL-2.0-only
"""Many services, of many kinds, each as its package sets it up, in an image of their own."""

import many_data
import many_talk
import many_web
from service import RULES, tests_of  # pylint: disable=unused-import

# until an emulated machine has started what is made for Java's, or Erlang's
LIMIT_S = 2000

globals().update(tests_of((*many_web.SERVICES, *many_data.SERVICES, *many_talk.SERVICES)))
