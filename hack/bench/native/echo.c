/*
 * echo: the floor of the benchmark, a SIP "server" that does no SIP.
 *
 * It answers every datagram that starts with a method name by sending its own
 * bytes back with the request line replaced by "SIP/2.0 200 OK". One blocking
 * socket, one recvmsg and one sendmsg per request, no parsing, no state: what
 * remains is the price of the system calls and of the loopback path.
 *
 * Usage: echo ADDRESS PORT      (ADDRESS within 127.0.0.0/8)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int listen_udp(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char *end;
	long number = strtol(port, &end, 10);

	if (*end != '\0' || number < 1 || number > 65535 ||
	    inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
	    ntohl(at.sin_addr.s_addr) >> 24 != 127) {
		fprintf(stderr, "echo: %s:%s is not a loopback address\n", address, port);
		exit(2);
	}
	at.sin_port = htons((unsigned short)number);

	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		fprintf(stderr, "echo: bind %s:%s: %s\n", address, port, strerror(errno));
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	static const char status[] = "SIP/2.0 200 OK";
	static char buffer[65536];

	if (argc != 3) {
		fprintf(stderr, "usage: echo ADDRESS PORT\n");
		return 2;
	}
	int fd = listen_udp(argv[1], argv[2]);

	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			continue;
		/* Never answer an answer: two echoes must not play with each other. */
		char *line_end = memchr(buffer, '\r', (size_t)n);
		if (line_end == NULL || memcmp(buffer, "SIP/", 4) == 0)
			continue;
		struct iovec parts[2] = {
			{.iov_base = (void *)status, .iov_len = sizeof status - 1},
			{.iov_base = line_end, .iov_len = (size_t)(n - (line_end - buffer))},
		};
		struct msghdr answer = {
			.msg_name = &from, .msg_namelen = from_len, .msg_iov = parts, .msg_iovlen = 2,
		};
		(void)sendmsg(fd, &answer, 0);
	}
}
