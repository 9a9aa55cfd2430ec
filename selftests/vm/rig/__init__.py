# SPDX-License-Identifier: GPL-2.0-only
"""The rig: boots kschannel.ko in a virtual machine and judges the result."""
