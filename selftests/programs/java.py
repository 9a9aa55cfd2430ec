# SPDX-License-Identifier: GPL-2.0-only
"""Java, whose sockets are IPv6's for IPv4's addresses, too."""

from web import FILE, PAGE, PORT, nginx
from world import NAME

# By a blocking socket, and by one of a selector.
CLIENT = """
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Client {
    public static void main(String[] args) throws Exception {
        try (InputStream page = new URL(args[0] + "/page").openStream()) {
            page.transferTo(System.out);
        }
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        URI file = new URI(args[0] + "/file");
        System.out.write(client.send(HttpRequest.newBuilder(file).build(),
                                     BodyHandlers.ofByteArray()).body());
        System.out.flush();
    }
}
"""


def test_java(world):
    """nginx, and Java's two http clients that think it is plain"""
    nginx(world)
    (world.home / "Client.java").write_text(CLIENT, encoding="ascii")
    quick = "-XX:TieredStopAtLevel=1"
    world.run(["javac", f"-J{quick}", "-d", world.home, world.home / "Client.java"])
    with world.wire(PORT):
        got = world.client("java", quick, "-cp", world.home, "Client",
                           f"http://{NAME}:{PORT}")
    assert got == PAGE + FILE, f"{len(got)} bytes"
