# SPDX-License-Identifier: GPL-2.0-only
"""Judges a guest by its console: whatever the kernel complained of is a failure."""

import re

# Lines begin with the kernel's own time stamp: what programs print on the
# console does not look like that.
STAMP = r"^\[\x20*\d+\.\d+\](?:\[\x20*[TC]\d+\])?\x20"

COMPLAINTS = re.compile(STAMP + r""".*?(?:
      WARNING:\ | BUG:\ | Oops: | Kernel\ panic | kernel\ BUG\ at
    | KASAN: | KFENCE: | KCSAN: | UBSAN: | DEBUG_LOCKS_WARN_ON
    | general\ protection\ fault | double\ fault | divide\ error:
    | INFO:\ (?:possible|suspicious|inconsistent|trying|task|rcu|lockdep)
    | possible\ (?:circular|recursive|irq)\ .*lock
    | suspicious\ RCU\ usage | sleeping\ function\ called
    | rcu:?\ .*(?:stall|starved) | soft\ lockup | hard\ LOCKUP
    | blocked\ for\ more\ than
    | unregister_netdevice:\ waiting | refcount_t: | list_(?:add|del)\ corruption
    | kmemleak:\ .*\bnew\ suspected | bad\ page | page\ allocation\ failure
    | slab\ .*corruption | Memory\ leak | ODEBUG: | Out\ of\ memory
    | scheduling\ while\ atomic | unable\ to\ handle
    | kschannel(?:d|ctl)\[\d+\]:?\ .*(?:segfault|general\ protection|trap\ )
    )""", re.M | re.X)


def complaints(text):
    """The console's lines in which the kernel complains."""
    text += "\n"
    return [text[m.start():text.find("\n", m.start())].strip()
            for m in COMPLAINTS.finditer(text)]


def tail(text, count=40):
    """The console's last lines; more of them where the first complaint is."""
    text = text.replace("\r", "").rstrip("\n")
    lines = text.split("\n")
    match = COMPLAINTS.search(text)
    if not match:
        return "\n".join(lines[-count:])
    first = max(text.count("\n", 0, match.start()) - 3, 0)
    if len(lines) - first <= 3 * count:
        return "\n".join(lines[min(first, len(lines) - count):])
    return "\n".join(lines[first:first + 2 * count] + ["[...]"] +
                     lines[-count:])
