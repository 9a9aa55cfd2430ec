# SPDX-License-Identifier: GPL-2.0-only
"""What a capture holds: its TCP streams, put together again from the packets, and
the TLS records in them."""

import struct
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address

PCAP_HEADER = struct.Struct("<IHHiIII")
PACKET_HEADER = struct.Struct("<IIII")
MAGIC = 0xa1b2c3d4
ETHERNET = 1
# flags of TCP
SYN = 2
ACK = 16

# Record types, and the longest that a record may be: TLS 1.2 allows for more.
NAMES = {20: "change_cipher_spec", 21: "alert", 22: "handshake",
         23: "application_data"}
LONGEST = (1 << 14) + 2048


class CaptureError(Exception):
    """The capture is no capture, or packets are missing in it."""


@dataclass
class Stream:
    """One direction of a TCP connection."""
    source: tuple
    target: tuple
    packets: int = 0
    start: int = None
    # by this end, as the first packet tells
    opened: bool = False
    parts: dict = field(default_factory=dict)

    def add(self, sequence, flags, data):
        """Take a packet in, be it in order, again, or too early."""
        self.packets += 1
        if flags & SYN:
            self.start = sequence + 1
            self.opened = not flags & ACK
        elif data and len(data) > len(self.parts.get(sequence, b"")):
            self.parts[sequence] = data

    def bytes(self):
        """All that was sent."""
        if self.start is None:
            raise CaptureError(f"{self.source} to {self.target} has no begin")
        whole = bytearray()
        # sequence numbers wrap around
        order = sorted(((number - self.start) & 0xffffffff, data)
                       for number, data in self.parts.items())
        for at, data in order:
            if at > len(whole):
                raise CaptureError(
                    f"{self.source} to {self.target}: nothing captured of "
                    f"bytes {len(whole)} to {at}")
            whole += data[len(whole) - at:]
        return bytes(whole)


def packets(file):
    """The packets in an open pcap file."""
    header = file.read(PCAP_HEADER.size)
    if len(header) < PCAP_HEADER.size:
        raise CaptureError("not a capture")
    magic, *_, link = PCAP_HEADER.unpack(header)
    if magic != MAGIC or link != ETHERNET:
        raise CaptureError("not a capture of Ethernet")
    while True:
        header = file.read(PACKET_HEADER.size)
        if len(header) < PACKET_HEADER.size:
            return
        _, _, length, original = PACKET_HEADER.unpack(header)
        if length < original:
            raise CaptureError("packets are cut short")
        data = file.read(length)
        if len(data) < length:
            # the capture is still being written
            return
        yield data


def segment(packet):
    """Where TCP begins and ends in a packet, and the addresses; None if it has no TCP."""
    # no fragment; of IPv6, without other headers
    if packet[12:14] == b"\x08\x00" and packet[23] == 6 and \
            not packet[20] & 0x3f and not packet[21]:
        total, = struct.unpack_from(">H", packet, 16)
        return 14 + 4 * (packet[14] & 15), 14 + total, packet[26:30], packet[30:34]
    if packet[12:14] == b"\x86\xdd" and packet[20] == 6:
        total, = struct.unpack_from(">H", packet, 18)
        return 54, 54 + total, packet[22:38], packet[38:54]
    return None


def streams(path):
    """The TCP streams in a capture. Ports may be used again for a new one."""
    found, current = [], {}
    with open(path, "rb") as file:
        for packet in packets(file):
            where = segment(packet)
            if not where:
                continue
            tcp, end, *addresses = where
            sport, dport, sequence = struct.unpack_from(">HHI", packet, tcp)
            data = packet[tcp + 4 * (packet[tcp + 12] >> 4):end]
            source, target = zip(map(str, map(ip_address, addresses)), (sport, dport))
            flags = packet[tcp + 13]
            stream = current.get((source, target))
            if not stream or flags & SYN and stream.start not in (None, sequence + 1):
                stream = current[source, target] = Stream(source, target)
                found.append(stream)
            stream.add(sequence, flags, data)
    return found


def records(data):
    """Count the TLS records of a stream by type; and how many bytes of it, at its
    end, are none."""
    count = Counter()
    at = 0
    while at + 5 <= len(data):
        kind, major, minor, length = struct.unpack_from(">BBBH", data, at)
        if kind not in NAMES or major != 3 or minor not in (1, 3) or \
                length > LONGEST or at + 5 + length > len(data):
            break
        count[NAMES[kind]] += 1
        at += 5 + length
    return count, len(data) - at


@dataclass
class Leg:
    """The connections with one end, both directions together."""
    connections: int = 0
    packets: int = 0
    bytes: int = 0
    records: Counter = field(default_factory=Counter)
    other_bytes: int = 0
    found: int = 0


def leg(found, end, marker):
    """Of the streams that were found, those to and from one end; and how often
    the marker is in them, as plaintext."""
    result = Leg()
    for stream in found:
        if end not in (stream.source, stream.target) or stream.start is None and not stream.parts:
            # another's, or the refusal of a connection
            continue
        data = stream.bytes()
        count, rest = records(data)
        result.connections += end == stream.target
        result.packets += stream.packets
        result.bytes += len(data)
        result.records += count
        result.other_bytes += rest
        result.found += data.count(marker)
    return result
