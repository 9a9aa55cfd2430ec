# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin counted, by symbol and by part of the system."""

import bisect
import re
from collections import Counter

# User addresses are below this.
KERNEL = 1 << 63

# The transports among the keys of a figure.
COLUMNS = ("plain", "ktls", "ktls_nopad", "kschannel", "gnutls", "openssl", "nginx_openssl",
           "nginx_ktls", "stunnel")

# Parts, by module or else by symbol; the first that matches.
PARTS = (
    ("AEAD", r"aes|gcm|ghash|chacha|poly1305|_cra_|gf128"),
    ("crypto glue", r"crypto_|skcipher|aead|scatterwalk|kernel_fpu|"
                    r"fpregs|memcpy_dir|sg_next|sg_init|fpu"),
    ("TCP, IP, skb", r"tcp|skb|^ip_|^ip6_|inet|^__ip|netif|^dev_|loopback|"
                     r"net_rx|napi|^sk_|sock|qdisc|dst_|^ipv4|nf_|eth_|"
                     r"__dev_|process_backlog|zerocopy_fill|xmit"),
    ("clearing", r"memset|clear_page"),
    ("user copy", r"copy_(to|from|user)|_copy|rep_movs|copyin|copyout|"
                  r"check_heap_object|usercopy|iov_iter"),
    ("pages", r"page|folio|alloc_pages|rmqueue|free_unref|gup|pcp|"
              r"zone|mod_node|lru"),
    ("slab", r"kmalloc|kfree|kmem_cache|slab|___cache|__kmem"),
    ("locks, softirq", r"lock|softirq|bh_|rcu|preempt|mutex"),
    ("system call", r"syscall|do_sys|entry_|^__x64|^x64_sys|fdget|fget|fput|"
                    r"security_|apparmor|vfs_|ksys|import_|poll|pipe|splice"),
    ("time, scheduling", r"ktime|sched|timer|tick|hrtimer|clock|update_|"
                         r"wake|tsc|timekeep"),
    ("memcpy", r"memcpy|memmove"),
)

# What an idle CPU does, and what one does that waits for a lock.
IDLE = r"idle|safe_halt|^menu_|^cpuidle|^haltpoll|^sched_ttwu_pending|^flush_smp_call"
SPIN = r"lock_slowpath|^osq_|rwsem_spin|mutex_spin|optimistic|^delay_tsc|^smp_call_function"


def symbols_of(lines):
    """Addresses, sorted, and beside each the symbol and its module."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) >= 3 and words[1] in "tTwW":
            module = words[3].strip("[]") if len(words) > 3 else ""
            found.append((int(words[0], 16), words[2], module))
    found.sort()
    return [f[0] for f in found], found


def part_of(symbol, module):
    """Which part of the system a symbol belongs to."""
    if module in ("kschannel", "tls"):
        return module
    for name, pattern in PARTS:
        if re.search(pattern, symbol) or \
           (module and name == "AEAD" and re.search(pattern, module)):
            return name
    return "other"


def read(counts, kallsyms):
    """What was counted: period, CPU, symbol, module, instructions."""
    addresses, symbols = symbols_of(kallsyms)
    with open(counts, encoding="ascii") as file:
        for line in file:
            period, cpu, word, count = line.split()
            address = int(word, 16)
            symbol, module = "[user]", ""
            if address >= KERNEL:
                at = bisect.bisect_right(addresses, address) - 1
                _, symbol, module = symbols[at]
            yield int(period), int(cpu), symbol, module, int(count)


def show_scale(counts, kallsyms, figures):
    """Print what each figure's processes took together, and by itself the work of one;
    idle and spinning CPUs apart."""
    runs = [(f["name"], t, int(f["name"].rsplit("/", 1)[1]))
            for f in figures for t in COLUMNS if f.get(t) is not None]
    by_run = {}
    for period, cpu, symbol, _, count in read(counts, kallsyms):
        kind = "idle" if re.search(IDLE, symbol) else \
            "spin" if re.search(SPIN, symbol) else f"CPU {cpu}"
        by_run.setdefault(period, Counter())[kind] += count
    if len(runs) != len(by_run):
        raise SystemExit(f"bench: {len(by_run)} periods are counted of {len(runs)} figures")
    alone = {}
    print(f"\n{'million instructions':36s}{'CPU 0':>9s}{'CPU 1':>9s}{'idle':>9s}"
          f"{'spin':>9s}{'a process':>11s}")
    for (name, transport, processes), period in zip(runs, sorted(by_run)):
        run = by_run[period]
        # the other CPU has its timer interrupts anyway
        each = (run["CPU 0"] + run["CPU 1"] + run["spin"]) / processes
        work = (name.rsplit("/", 1)[0], transport)
        alone.setdefault(work, each)
        print(f"{name + ' ' + transport:36s}" +
              "".join(f"{run[k] / 1e6:9.2f}" for k in ("CPU 0", "CPU 1", "idle", "spin")) +
              f"{each / 1e6:11.2f}{100 * each / alone[work]:7.1f} %")


def show(counts, kallsyms, figure, lines=45):
    """Print the parts, then the symbols that cost most, in the unit of the
    figure that was measured at the same time."""
    by_symbol = Counter()
    by_part = Counter()
    for _, _, symbol, module, count in read(counts, kallsyms):
        part = "user" if symbol == "[user]" else part_of(symbol, module)
        by_symbol[(symbol, module, part)] += count
        by_part[part] += count
    total = sum(by_part.values())
    if not total:
        raise SystemExit("bench: nothing ran between the marks")
    values = [v for k, v in figure.items() if k in COLUMNS and v is not None]
    if len(values) != 1:
        raise SystemExit("bench: a profile is of one transport's one figure")

    def line_of(count, text):
        print(f"{100 * count / total:6.2f} % {values[0] * count / total:10.4g}"
              f"  {text}")

    print(f"\n{figure['name']}: {values[0]} {figure['unit']}")
    for part, count in by_part.most_common():
        line_of(count, part)
    print()
    for (symbol, module, part), count in by_symbol.most_common(lines):
        where = f" [{module}]" if module else ""
        line_of(count, f"{symbol}{where}  ({part})")
