# SPDX-License-Identifier: GPL-2.0
"""The rig: boots kschannel.ko in a virtual machine and judges the result."""
