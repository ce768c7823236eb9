"""Free ports for servers that a test starts on loopback."""

import socket


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that are free for TCP and UDP alike; held until all are found, so that they differ."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            tcp = socket.socket()
            held.append(tcp)
            tcp.bind((host, 0))
            port = int(tcp.getsockname()[1])
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            held.append(udp)
            try:
                udp.bind((host, port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for one in held:
            one.close()
    return ports
