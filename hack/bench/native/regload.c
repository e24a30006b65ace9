/*
 * regload: a windowed REGISTER generator.
 *
 * It sends COUNT REGISTER requests for AORS addresses-of-record, round robin,
 * with at most WINDOW unanswered at a time, from SOCKETS source ports. A final
 * answer is matched by Call-ID and CSeq number; an unanswered request is sent
 * again after T1 = 500 ms, doubling up to T2 = 4 s, and given up after 64*T1
 * (RFC 3261 17.1.2.1, timers E and F). Requests for one AOR never overlap, and
 * its CSeq grows by one each time (RFC 3261 10.2).
 *
 * The Contact names the socket. A second run that is to refresh the bindings of
 * the first must use the same ports (-s ADDRESS:PORT, the first of them), or it
 * adds a second binding to each AOR.
 *
 * With -P every user answers challenges (401) with that password (RFC 3261 22, RFC
 * 7616, MD5): a nonce is used again and again, counted, until another comes. -N FILE
 * has the nonces that the run before left, and those for the next, so that a run can
 * go on where one ended. A request that is challenged is the same request still: its
 * latency is that of both, and it is sent with the next CSeq.
 *
 * One JSON object on stdout tells the outcome; latency is from the first
 * transmission to the final answer. Exit status 0 means that the run finished,
 * whatever the answers were; 1 that it could not start; 2 bad usage.
 *
 * It sends to 127.0.0.0/8 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "md5.h"

#define T1_NS 500000000LL
#define T2_NS 4000000000LL
#define TIMEOUT_NS (64 * T1_NS)

#define MAX_AORS 2000000L
#define MAX_COUNT 20000000L
#define MAX_WINDOW 4096L
#define MAX_SOCKETS 256L
#define MAX_SECONDS 600L

struct options {
	struct sockaddr_in server, source;
	const char *user, *domain, *contact, *password, *nonces;
	long aors, count, window, sockets, expires, cseq, seconds;
};

/* pending is one AOR's request; cseq is 0 when none is in flight. */
struct pending {
	uint32_t cseq;
	int64_t sent, again, interval;
	int challenges; /* that came for it */
};

/* proof is what one AOR's user answers challenges with; count is 0 before the first. */
struct proof {
	char nonce[128], ha1[33];
	uint32_t count, cseq; /* cseq is the last that was used */
	int qop;
};

static struct options opt = {
	.user = "u", .domain = "bench.example",
	.aors = 1000, .count = 1000, .window = 64, .sockets = 8,
	.expires = 3600, .cseq = 1, .seconds = 60,
};

static struct pollfd *sockets;
static struct sockaddr_in *locals;
static struct pending *pendings;
static struct proof *proofs; /* NULL without a password */
static char ha2[33];
static uint32_t *flying; /* AORs in flight, in no order */
static long flying_len;
static uint32_t *latency_us; /* one for each answer, in microseconds */

static long sent, finished, ok, other, timeouts, retransmits, stray, challenged;
static int first_other;

static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("regload: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- options ---- */

static long number(const char *name, const char *text, long min, long max)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || value < min || value > max)
		die(2, "-%s %s: want a number from %ld to %ld", name, text, min, max);
	return value;
}

/* loopback parses ADDRESS or ADDRESS:PORT and refuses all but 127.0.0.0/8. */
static struct sockaddr_in loopback(const char *name, const char *text)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof host)
		die(2, "-%s %s: not an address", name, text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, &at.sin_addr) != 1 || ntohl(at.sin_addr.s_addr) >> 24 != 127)
		die(2, "-%s %s: not within 127.0.0.0/8", name, text);
	if (colon)
		at.sin_port = htons((uint16_t)number(name, colon + 1, 1, 65535));
	return at;
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "d:s:u:D:C:n:c:w:S:e:q:T:P:N:")) != -1) {
		switch (c) {
		case 'd': opt.server = loopback("d", optarg); break;
		case 's': opt.source = loopback("s", optarg); break;
		case 'u': opt.user = optarg; break;
		case 'D': opt.domain = optarg; break;
		case 'C': opt.contact = optarg; break;
		case 'P': opt.password = optarg; break;
		case 'N': opt.nonces = optarg; break;
		case 'n': opt.aors = number("n", optarg, 1, MAX_AORS); break;
		case 'c': opt.count = number("c", optarg, 1, MAX_COUNT); break;
		case 'w': opt.window = number("w", optarg, 1, MAX_WINDOW); break;
		case 'S': opt.sockets = number("S", optarg, 1, MAX_SOCKETS); break;
		case 'e': opt.expires = number("e", optarg, 0, 86400); break;
		case 'q': opt.cseq = number("q", optarg, 1, 1000000000); break;
		case 'T': opt.seconds = number("T", optarg, 1, MAX_SECONDS); break;
		default: die(2, "see the head of regload.c");
		}
	}
	if (optind != argc || opt.server.sin_port == 0)
		die(2, "usage: regload -d ADDRESS:PORT [-s SOURCE[:FIRST_PORT]] [-n AORS] [-c COUNT] [-w WINDOW] "
		       "[-S SOCKETS] [-u USER_PREFIX] [-D DOMAIN] [-C CONTACT_HOST:PORT] "
		       "[-e EXPIRES] [-q FIRST_CSEQ] [-T MAX_SECONDS] [-P PASSWORD [-N NONCES]]");
	if (strlen(opt.user) > 32 || strlen(opt.domain) > 128 ||
	    (opt.contact && strlen(opt.contact) > 128) || (opt.password && strlen(opt.password) > 128))
		die(2, "a name is too long");
	if (opt.source.sin_family == 0)
		opt.source = loopback("s", "127.0.0.1");
	if (ntohs(opt.source.sin_port) + opt.sockets > 65536)
		die(2, "no %ld ports from %u", opt.sockets, ntohs(opt.source.sin_port));
	if (opt.window > opt.aors)
		opt.window = opt.aors;
}

/* ---- set-up ---- */

static void *table(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (p == NULL)
		die(1, "no memory for %zu entries", count);
	return p;
}

static void open_sockets(void)
{
	int buffer = 4 << 20;

	for (long i = 0; i < opt.sockets; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		socklen_t len = sizeof locals[i];

		/* With -s ADDRESS alone the kernel chooses the ports. */
		struct sockaddr_in from = opt.source;
		if (from.sin_port != 0)
			from.sin_port = htons((uint16_t)(ntohs(from.sin_port) + i));
		if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
		    connect(fd, (struct sockaddr *)&opt.server, sizeof opt.server) < 0 ||
		    getsockname(fd, (struct sockaddr *)&locals[i], &len) < 0)
			die(1, "socket %ld: %s", i, strerror(errno));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
		sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

/* ---- credentials ---- */

static void open_proofs(void)
{
	char text[256];
	FILE *f;

	if (opt.password == NULL)
		return;
	md5_init();
	snprintf(text, sizeof text, "REGISTER:sip:%s", opt.domain);
	md5_hex(ha2, text);
	proofs = table((size_t)opt.aors, sizeof *proofs);
	if (opt.nonces == NULL || (f = fopen(opt.nonces, "r")) == NULL)
		return;
	if (fread(proofs, sizeof *proofs, (size_t)opt.aors, f) != (size_t)opt.aors)
		die(1, "%s: not the nonces of %ld AORs", opt.nonces, opt.aors);
	fclose(f);
}

static void save_proofs(void)
{
	FILE *f;

	if (opt.password == NULL || opt.nonces == NULL)
		return;
	if ((f = fopen(opt.nonces, "w")) == NULL ||
	    fwrite(proofs, sizeof *proofs, (size_t)opt.aors, f) != (size_t)opt.aors || fclose(f) != 0)
		die(1, "%s: %s", opt.nonces, strerror(errno));
}

/* write_proof writes the Authorization line of an AOR, or nothing. */
static void write_proof(char *out, size_t size, uint32_t aor)
{
	char text[512], response[33], count[80] = "", counted[120] = "";

	out[0] = '\0';
	if (proofs == NULL || proofs[aor].count == 0)
		return;
	struct proof *p = &proofs[aor];
	if (p->qop) {
		snprintf(count, sizeof count, "%08x:%08x%08x:auth:", p->count, aor, p->count);
		snprintf(counted, sizeof counted, ", qop=auth, nc=%08x, cnonce=\"%08x%08x\"", p->count, aor, p->count);
	}
	snprintf(text, sizeof text, "%s:%s:%s%s", p->ha1, p->nonce, count, ha2);
	md5_hex(response, text);
	int len = snprintf(out, size,
		"Authorization: Digest username=\"%s%u\", realm=\"%s\", nonce=\"%s\", uri=\"sip:%s\", "
		"response=\"%s\", algorithm=MD5%s\r\n",
		opt.user, aor, opt.domain, p->nonce, opt.domain, response, counted);
	if (len < 0 || (size_t)len >= size)
		die(1, "credentials of more than %zu bytes", size);
}

/* take_challenge reads the challenge for MD5 of a 401: 0 if there is none that it can answer. */
static int take_challenge(const char *message, uint32_t aor)
{
	static const char name[] = "\r\nWWW-Authenticate:";
	struct proof *p = &proofs[aor];
	char text[512];

	for (const char *line = message; (line = strcasestr(line, name)) != NULL; line += 2) {
		const char *end = strstr(line + 2, "\r\n");
		if (end == NULL || end - line >= (ptrdiff_t)sizeof text)
			continue;
		snprintf(text, sizeof text, "%.*s", (int)(end - line - 2), line + 2);
		const char *algorithm = strcasestr(text, "algorithm="), *nonce = strcasestr(text, " nonce=\"");
		if (algorithm != NULL) {
			algorithm += strlen("algorithm=");
			algorithm += *algorithm == '"';
			size_t len = strcspn(algorithm, "\", \t");
			if (len != 3 || strncasecmp(algorithm, "MD5", 3) != 0)
				continue;
		}
		if (nonce == NULL)
			nonce = strcasestr(text, ",nonce=\"");
		if (nonce == NULL || strcspn(nonce + 8, "\"") >= sizeof p->nonce)
			continue;
		nonce += 8;
		snprintf(p->nonce, sizeof p->nonce, "%.*s", (int)strcspn(nonce, "\""), nonce);
		p->qop = strcasestr(text, "qop=") != NULL;
		p->count = 1;
		snprintf(text, sizeof text, "%s%u:%s:%s", opt.user, aor, opt.domain, opt.password);
		md5_hex(p->ha1, text);
		return 1;
	}
	return 0;
}

/* ---- requests ---- */

static int write_register(char *out, size_t size, uint32_t aor, uint32_t cseq)
{
	struct sockaddr_in *local = &locals[aor % opt.sockets];
	char host[INET_ADDRSTRLEN], via[64], proof[1024];

	write_proof(proof, sizeof proof, aor);
	inet_ntop(AF_INET, &local->sin_addr, host, sizeof host);
	snprintf(via, sizeof via, "%s:%u", host, ntohs(local->sin_port));
	int len = snprintf(out, size,
		"REGISTER sip:%s SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%u.%u\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:%s%u@%s>;tag=t%u.%u\r\n"
		"To: <sip:%s%u@%s>\r\n"
		"Call-ID: %s%u@load.example\r\n"
		"CSeq: %u REGISTER\r\n"
		"%s"
		"Contact: <sip:%s%u@%s>\r\n"
		"Expires: %ld\r\n"
		"User-Agent: regload\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, UPDATE\r\n"
		"Supported: replaces, outbound\r\n"
		"Content-Length: 0\r\n\r\n",
		opt.domain, via, opt.user, aor, cseq,
		opt.user, aor, opt.domain, aor, cseq,
		opt.user, aor, opt.domain,
		opt.user, aor, cseq, proof,
		opt.user, aor, opt.contact ? opt.contact : via, opt.expires);
	if (len < 0 || (size_t)len >= size)
		die(1, "a request of more than %zu bytes", size);
	return len;
}

/* transmit ignores errors: a lost datagram is what retransmission is for. */
static void transmit(uint32_t aor, uint32_t cseq)
{
	char request[2048];
	int len = write_register(request, sizeof request, aor, cseq);

	(void)!send(sockets[aor % opt.sockets].fd, request, (size_t)len, 0);
}

static void fill_window(void)
{
	while (sent < opt.count && flying_len < opt.window) {
		uint32_t aor = (uint32_t)(sent % opt.aors);
		struct pending *p = &pendings[aor];

		if (p->cseq != 0) /* its previous one is late: wait, never overlap */
			return;
		p->cseq = (uint32_t)(opt.cseq + sent / opt.aors);
		p->challenges = 0;
		if (proofs != NULL) {
			p->cseq = ++proofs[aor].cseq;
			if (proofs[aor].count > 0)
				proofs[aor].count++;
		}
		p->sent = now_ns();
		p->interval = T1_NS;
		p->again = p->sent + T1_NS;
		flying[flying_len++] = aor;
		sent++;
		transmit(aor, p->cseq);
	}
}

static void finish(uint32_t aor)
{
	pendings[aor].cseq = 0;
	for (long i = 0; i < flying_len; i++) {
		if (flying[i] == aor) {
			flying[i] = flying[--flying_len];
			break;
		}
	}
	finished++;
}

/* retransmit_due is called at most every few milliseconds. */
static void retransmit_due(int64_t now)
{
	for (long i = flying_len - 1; i >= 0; i--) {
		uint32_t aor = flying[i];
		struct pending *p = &pendings[aor];

		if (now - p->sent >= TIMEOUT_NS) {
			timeouts++;
			finish(aor);
		} else if (now >= p->again) {
			retransmits++;
			p->interval = p->interval * 2 < T2_NS ? p->interval * 2 : T2_NS;
			p->again = now + p->interval;
			transmit(aor, p->cseq);
		}
	}
}

/* ---- answers ---- */

/* header returns the value of a header field, compact form included, or NULL. The message ends in NUL. */
static const char *header(const char *message, const char *name, char compact)
{
	size_t len = strlen(name);

	for (const char *line = message; (line = strstr(line, "\r\n")) != NULL;) {
		line += 2;
		const char *value = NULL;
		if (strncasecmp(line, name, len) == 0)
			value = line + len;
		else if (compact && (line[0] | 0x20) == compact)
			value = line + 1;
		if (value == NULL)
			continue;
		value += strspn(value, " \t");
		if (*value != ':')
			continue;
		value++;
		return value + strspn(value, " \t");
	}
	return NULL;
}

/* again sends a request that was challenged, with credentials; 0 if that is no use. */
static int again(const char *message, uint32_t aor, int64_t now)
{
	struct pending *p = &pendings[aor];

	if (proofs == NULL || p->challenges == 2 || !take_challenge(message, aor))
		return 0;
	challenged++;
	p->challenges++;
	p->cseq = ++proofs[aor].cseq;
	p->interval = T1_NS;
	p->again = now + T1_NS;
	transmit(aor, p->cseq);
	return 1;
}

/* answer handles one datagram; whatever it does not know is counted as stray. */
static void answer(const char *message, int64_t now)
{
	const char *call_id = header(message, "Call-ID", 'i');
	const char *cseq = header(message, "CSeq", 0);
	size_t prefix = strlen(opt.user);

	if (strncmp(message, "SIP/2.0 ", 8) != 0 || call_id == NULL || cseq == NULL ||
	    strncmp(call_id, opt.user, prefix) != 0) {
		stray++;
		return;
	}
	int status = atoi(message + 8);
	unsigned long aor = strtoul(call_id + prefix, NULL, 10);
	unsigned long sequence = strtoul(cseq, NULL, 10);
	if (aor >= (unsigned long)opt.aors || sequence == 0 || pendings[aor].cseq != sequence) {
		stray++; /* the answer to a retransmission, or not ours */
		return;
	}
	if (status < 200 || (status == 401 && again(message, (uint32_t)aor, now)))
		return;
	int64_t us = (now - pendings[aor].sent) / 1000;
	latency_us[ok + other] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	if (status == 200) {
		ok++;
	} else {
		other++;
		if (first_other == 0)
			first_other = status;
	}
	finish((uint32_t)aor);
}

static void receive(int fd)
{
	char message[65536];
	ssize_t n;

	/* Bounded, so that one busy socket cannot starve the others. */
	for (int i = 0; i < 64 && (n = recv(fd, message, sizeof message - 1, 0)) >= 0; i++) {
		message[n] = '\0';
		answer(message, now_ns());
	}
}

/* ---- run and report ---- */

static int64_t run(void)
{
	int64_t start = now_ns(), last_check = start;
	int64_t deadline = start + opt.seconds * 1000000000LL;

	while (finished < opt.count) {
		fill_window();
		if (poll(sockets, (nfds_t)opt.sockets, 10) > 0) {
			for (long i = 0; i < opt.sockets; i++) {
				if (sockets[i].revents != 0)
					receive(sockets[i].fd);
			}
		}
		int64_t now = now_ns();
		if (now >= deadline)
			break;
		if (now - last_check >= 5000000) {
			retransmit_due(now);
			last_check = now;
		}
	}
	return now_ns() - start;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* percentile is the nearest-rank percentile of the sorted latencies, 0 when there are none. */
static uint32_t percentile(long p)
{
	long answers = ok + other;

	return answers == 0 ? 0 : latency_us[(answers * p + 99) / 100 - 1];
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	sockets = table((size_t)opt.sockets, sizeof *sockets);
	locals = table((size_t)opt.sockets, sizeof *locals);
	pendings = table((size_t)opt.aors, sizeof *pendings);
	flying = table((size_t)opt.window, sizeof *flying);
	latency_us = table((size_t)opt.count, sizeof *latency_us);
	open_sockets();
	open_proofs();

	int64_t elapsed = run();
	save_proofs();

	/* Sent and not settled when time ran out: timeouts of ours. */
	timeouts += flying_len;
	qsort(latency_us, (size_t)(ok + other), sizeof *latency_us, by_value);
	printf("{\"sent\":%ld,\"ok\":%ld,\"other\":%ld,\"first_other\":%d,\"timeouts\":%ld,"
	       "\"retransmits\":%ld,\"stray\":%ld,\"challenged\":%ld,\"seconds\":%.6f,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
	       sent, ok, other, first_other, timeouts, retransmits, stray, challenged,
	       (double)elapsed / 1e9, percentile(50), percentile(99), percentile(100));
	return 0;
}
