/*
 * connload: phones that keep a connection each.
 *
 * It opens PHONES connections to a server, over TCP or with -t over TLS (1.3,
 * TLS_AES_128_GCM_SHA256, so that every server encrypts alike), from the ports after
 * that of -s, and then obeys lines on its standard input, each answered by one JSON
 * object in a line:
 *
 *   register COUNT     COUNT REGISTERs, one phone after the other, WINDOW unanswered
 *                      at a time; a phone has but one of its own
 *   call COUNT RATE    COUNT calls, RATE begun in a second, from each even phone to
 *                      the one after it: INVITE, (100), 180, 200, ACK, 100 ms, BYE, 200
 *
 * It ends with its standard input. Nothing is sent again, as the transport is
 * reliable; what has no answer 10 s after the last was sent failed. Both parties of
 * a call follow the Route set of its Record-Route (RFC 3261 12.1).
 *
 * Exit status 1 means that it could not go on: a connection that ends, or takes no
 * more, is no load. It connects to 127.0.0.0/8 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_PHONES 10000L
#define MAX_WINDOW 4096L
#define SLOTS 8192 /* calls at once */
#define WAIT_NS 10000000000LL
#define PAUSE_NS 100000000LL

#define DOMAIN "bench.example"

struct phone {
	int fd;
	SSL *ssl; /* NULL over TCP */
	char host[INET_ADDRSTRLEN + 8], user[24];
	uint32_t cseq;
	int registering;
	size_t len;
	char in[16384];
};

enum state { FREE, INVITED, UP, ENDING };

struct call {
	enum state state;
	long number;
	int64_t due; /* of its BYE */
	char to[256], target[256], routes[1024];
};

static struct phone *phones;
static long phones_len = 200, window = 64;
static struct sockaddr_in server, source;
static const char *transport = "TCP", *parameter = "tcp";
static SSL_CTX *tls;
static int epoll;

static long sent, ok, other, first_other, flying; /* of what is under way */
static struct call calls[SLOTS];
static long hangups[SLOTS], hangup_first, hangup_last; /* numbers of calls that are up, the oldest first */

static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("connload: ", stderr);
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

static long number(const char *text, long min, long max)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || value < min || value > max)
		die(2, "%s: want a number from %ld to %ld", text, min, max);
	return value;
}

/* loopback parses ADDRESS:PORT and refuses all but 127.0.0.0/8. */
static struct sockaddr_in loopback(char *text)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char *colon = strchr(text, ':');

	if (colon == NULL)
		die(2, "%s: no port", text);
	*colon = '\0';
	if (inet_pton(AF_INET, text, &at.sin_addr) != 1 || ntohl(at.sin_addr.s_addr) >> 24 != 127)
		die(2, "%s: not within 127.0.0.0/8", text);
	at.sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
	return at;
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "d:s:n:w:t")) != -1) {
		switch (c) {
		case 'd': server = loopback(optarg); break;
		case 's': source = loopback(optarg); break;
		case 'n': phones_len = number(optarg, 2, MAX_PHONES); break;
		case 'w': window = number(optarg, 1, MAX_WINDOW); break;
		case 't': transport = "TLS"; parameter = "tls"; break;
		default: die(2, "see the head of connload.c");
		}
	}
	if (optind != argc || server.sin_port == 0 || source.sin_port == 0)
		die(2, "usage: connload -d ADDRESS:PORT -s SOURCE:FIRST_PORT [-n PHONES] [-w WINDOW] [-t]");
	if (ntohs(source.sin_port) + phones_len > 65536)
		die(2, "no %ld ports from %u", phones_len, ntohs(source.sin_port));
}

/* ---- connections ---- */

static void open_phone(struct phone *p, long i)
{
	struct sockaddr_in from = source;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
	char address[INET_ADDRSTRLEN];
	int on = 1;

	from.sin_port = htons((uint16_t)(ntohs(from.sin_port) + i));
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	/* The run before may have left the port in TIME_WAIT. */
	if (p->fd < 0 || setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    bind(p->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
	    connect(p->fd, (struct sockaddr *)&server, sizeof server) < 0)
		die(1, "connection %ld: %s", i, strerror(errno));
	inet_ntop(AF_INET, &from.sin_addr, address, sizeof address);
	snprintf(p->user, sizeof p->user, "%s%ld", parameter, i); /* one over each transport */
	snprintf(p->host, sizeof p->host, "%s:%u", address, ntohs(from.sin_port));
	if (tls != NULL) {
		p->ssl = SSL_new(tls);
		if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1 ||
		    SSL_set_tlsext_host_name(p->ssl, DOMAIN) != 1 || SSL_connect(p->ssl) != 1)
			die(1, "TLS handshake %ld: %s", i, ERR_reason_error_string(ERR_peek_error()));
	}
	if (fcntl(p->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &event) < 0)
		die(1, "connection %ld: %s", i, strerror(errno));
}

static void open_phones(void)
{
	epoll = epoll_create1(0);
	phones = calloc((size_t)phones_len, sizeof *phones);
	if (epoll < 0 || phones == NULL)
		die(1, "no memory for %ld phones", phones_len);
	if (strcmp(parameter, "tls") == 0) {
		tls = SSL_CTX_new(TLS_client_method());
		if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
		    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") != 1)
			die(1, "no TLS 1.3");
	}
	for (long i = 0; i < phones_len; i++)
		open_phone(&phones[i], i);
}

static void transmit(struct phone *p, const char *message, int len, size_t size)
{
	if (len < 0 || (size_t)len >= size)
		die(1, "a message of more than %zu bytes", size);
	ssize_t n = p->ssl ? SSL_write(p->ssl, message, len) : send(p->fd, message, (size_t)len, MSG_NOSIGNAL);
	if (n != len)
		die(1, "a connection does not take %d bytes", len);
}

/* ---- messages ---- */

/* next_line is the line of a header field from the line or the end of one on, or NULL; it ends before *end. */
static const char *next_line(const char *from, const char *name, const char **end)
{
	size_t len = strlen(name);

	for (const char *line = from; line != NULL; line = strstr(line, "\r\n")) {
		if (line != from || line[0] == '\r')
			line += 2;
		if (line[0] == '\r')
			return NULL;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			*end = strstr(line, "\r\n");
			return *end == NULL ? NULL : line;
		}
	}
	return NULL;
}

/* value copies that of the first header field of a name, and fails if there is none. */
static int value(char *out, size_t size, const char *message, const char *name)
{
	const char *end, *line = next_line(message, name, &end);

	if (line == NULL)
		return 0;
	line += strlen(name) + 1;
	line += strspn(line, " \t");
	return (size_t)snprintf(out, size, "%.*s", (int)(end - line), line) < size;
}

/* copy appends all lines of a header field. */
static void copy(char *out, size_t size, const char *message, const char *name)
{
	const char *end = message, *line;
	size_t at = strlen(out);

	while ((line = next_line(end, name, &end)) != NULL)
		at += (size_t)snprintf(out + at, at < size ? size - at : 0, "%.*s\r\n", (int)(end - line), line);
}

/* route_set writes the Record-Route of a response as Route, the last one first (RFC 3261 12.1.2). */
static void route_set(char *out, size_t size, const char *message)
{
	const char *end = message, *line, *from[16];
	int len[16], n = 0;
	size_t at = 0;

	while ((line = next_line(end, "Record-Route", &end)) != NULL) {
		while ((line = memchr(line, '<', (size_t)(end - line))) != NULL && n < 16) {
			const char *close = memchr(line, '>', (size_t)(end - line));
			if (close == NULL)
				break;
			from[n] = line;
			len[n++] = (int)(close + 1 - line);
			line = close;
		}
	}
	out[0] = '\0';
	while (n-- > 0)
		at += (size_t)snprintf(out + at, at < size ? size - at : 0, "Route: %.*s\r\n", len[n], from[n]);
	if (at >= size)
		die(1, "a Route set of more than %zu bytes", size);
}

static void send_register(long i)
{
	struct phone *p = &phones[i];
	char m[2048];

	p->cseq++;
	p->registering = 1;
	int len = snprintf(m, sizeof m,
		"REGISTER sip:" DOMAIN " SIP/2.0\r\n"
		"Via: SIP/2.0/%s %s;rport;branch=z9hG4bKp%ld.%u\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:%s@" DOMAIN ">;tag=t%ld.%u\r\n"
		"To: <sip:%s@" DOMAIN ">\r\n"
		"Call-ID: %s-%ld@load.example\r\n"
		"CSeq: %u REGISTER\r\n"
		"Contact: <sip:%s@%s;transport=%s>\r\n"
		"Expires: 3600\r\n"
		"User-Agent: connload\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, UPDATE\r\n"
		"Supported: replaces, outbound\r\n"
		"Content-Length: 0\r\n\r\n",
		transport, p->host, i, p->cseq, p->user, i, p->cseq, p->user, parameter, i, p->cseq, p->user, p->host, parameter);
	transmit(p, m, len, sizeof m);
}

static const char sdp[] =
	"v=0\r\no=caller 1 1 IN IP4 127.90.1.5\r\ns=-\r\nc=IN IP4 127.90.1.5\r\nt=0 0\r\n"
	"m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

static long caller_of(long call) { return 2 * (call % (phones_len / 2)); }

static void send_invite(long n)
{
	struct phone *p = &phones[caller_of(n)], *callee = p + 1;
	char m[4096];
	int len = snprintf(m, sizeof m,
		"INVITE sip:%s@" DOMAIN " SIP/2.0\r\n"
		"Via: SIP/2.0/%s %s;rport;branch=z9hG4bKi%ld\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:%s@" DOMAIN ">;tag=c%ld\r\n"
		"To: <sip:%s@" DOMAIN ">\r\n"
		"Call-ID: %ld-%s@load.example\r\n"
		"CSeq: 1 INVITE\r\n"
		"Contact: <sip:%s@%s;transport=%s>\r\n"
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
		"Content-Type: application/sdp\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		callee->user, transport, p->host, n, p->user, n, callee->user, n, parameter,
		p->user, p->host, parameter, sizeof sdp - 1, sdp);
	transmit(p, m, len, sizeof m);
}

/* send_within sends ACK or BYE. */
static void send_within(struct call *c, const char *method, int cseq)
{
	long n = c->number;
	struct phone *p = &phones[caller_of(n)];
	char m[4096];
	int len = snprintf(m, sizeof m,
		"%s %s SIP/2.0\r\n"
		"Via: SIP/2.0/%s %s;rport;branch=z9hG4bK%c%ld\r\n"
		"%s"
		"Max-Forwards: 70\r\n"
		"From: <sip:%s@" DOMAIN ">;tag=c%ld\r\n"
		"To: %s\r\n"
		"Call-ID: %ld-%s@load.example\r\n"
		"CSeq: %d %s\r\n"
		"Content-Length: 0\r\n\r\n",
		method, c->target, transport, p->host, method[0] | 0x20, n, c->routes, p->user, n, c->to, n, parameter, cseq, method);
	transmit(p, m, len, sizeof m);
}

static void respond(struct phone *p, const char *request, const char *status, int dialog)
{
	char head[4096] = "", to[256], contact[256] = "", m[8192];
	const char *body = dialog && status[0] == '2' ? sdp : "";

	copy(head, sizeof head, request, "Via");
	if (dialog)
		copy(head, sizeof head, request, "Record-Route");
	copy(head, sizeof head, request, "From");
	copy(head, sizeof head, request, "Call-ID");
	copy(head, sizeof head, request, "CSeq");
	if (strlen(head) + 1 >= sizeof head || !value(to, sizeof to, request, "To"))
		die(1, "a request that cannot be answered");
	if (dialog)
		snprintf(contact, sizeof contact, "Contact: <sip:%s@%s;transport=%s>\r\n", p->user, p->host, parameter);
	int len = snprintf(m, sizeof m, "SIP/2.0 %s\r\n%sTo: %s%s\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		status, head, to, strstr(to, ";tag=") ? "" : ";tag=s", contact,
		*body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	transmit(p, m, len, sizeof m);
}

/* ---- what comes ---- */

static void settle(int status)
{
	flying--;
	if (status == 200) {
		ok++;
		return;
	}
	other++;
	if (first_other == 0)
		first_other = status;
}

static void take_call_response(const char *m, int status, const char *cseq, const char *call_id)
{
	long n = strtol(call_id, NULL, 10);
	struct call *c = &calls[n % SLOTS];
	char contact[512];

	if (status < 200 || c->number != n)
		return;
	if (strncmp(cseq, "1 INVITE", 8) == 0 && c->state == INVITED) {
		if (status != 200 || !value(c->to, sizeof c->to, m, "To") || !value(contact, sizeof contact, m, "Contact") ||
		    sscanf(contact, "<%255[^>]>", c->target) != 1) {
			c->state = FREE;
			settle(status == 200 ? 1 : status);
			return;
		}
		route_set(c->routes, sizeof c->routes, m);
		send_within(c, "ACK", 1);
		c->state = UP;
		c->due = now_ns() + PAUSE_NS;
		hangups[hangup_last++ % SLOTS] = n;
	} else if (strncmp(cseq, "2 BYE", 5) == 0 && c->state == ENDING) {
		c->state = FREE;
		settle(status);
	}
}

static void take(struct phone *p, const char *m)
{
	char cseq[64], call_id[128];

	if (!value(cseq, sizeof cseq, m, "CSeq") || !value(call_id, sizeof call_id, m, "Call-ID"))
		die(1, "neither CSeq nor Call-ID in %.200s", m);
	if (strncmp(m, "SIP/2.0 ", 8) != 0) {
		if (strncmp(m, "INVITE ", 7) == 0) {
			respond(p, m, "180 Ringing", 1);
			respond(p, m, "200 OK", 1);
		} else if (strncmp(m, "ACK ", 4) != 0) {
			respond(p, m, "200 OK", 0);
		}
		return;
	}
	int status = atoi(m + 8);
	if (strstr(cseq, "REGISTER") == NULL) {
		take_call_response(m, status, cseq, call_id);
	} else if (status >= 200 && p->registering && strtoul(cseq, NULL, 10) == p->cseq) {
		p->registering = 0;
		settle(status);
	}
}

/* take_all takes the messages that are there whole. */
static void take_all(struct phone *p)
{
	char *at = p->in, *end, length[16];

	p->in[p->len] = '\0';
	while ((end = strstr(at, "\r\n\r\n")) != NULL) {
		char first = end[4];
		end[4] = '\0';
		if (!value(length, sizeof length, at, "Content-Length"))
			die(1, "no Content-Length in %.200s", at);
		end[4] = first;
		char *next = end + 4 + number(length, 0, 8192);
		if (next > p->in + p->len)
			break;
		first = *next;
		*next = '\0';
		take(p, at);
		*next = first;
		at = next;
	}
	p->len -= (size_t)(at - p->in);
	memmove(p->in, at, p->len);
}

static void receive(struct phone *p)
{
	for (;;) {
		int room = (int)(sizeof p->in - 1 - p->len);
		int n = p->ssl ? SSL_read(p->ssl, p->in + p->len, room) : (int)recv(p->fd, p->in + p->len, (size_t)room, 0);

		if (n <= 0) {
			if (p->ssl ? SSL_get_error(p->ssl, n) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN)
				return;
			die(1, "a connection ended");
		}
		p->len += (size_t)n;
		take_all(p);
		if (p->ssl == NULL && n < room)
			return;
	}
}

static void wait_for(int milliseconds)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll, events, 256, milliseconds);

	for (int i = 0; i < n; i++)
		receive(events[i].data.ptr);
}

/* ---- commands ---- */

static void begin(void)
{
	sent = ok = other = first_other = flying = 0;
	hangup_first = hangup_last = 0;
	memset(calls, 0, sizeof calls);
}

static void run_registers(long count)
{
	int64_t start = now_ns(), last = start;

	begin();
	while (ok + other < count && now_ns() - last < WAIT_NS) {
		while (sent < count && flying < window && !phones[sent % phones_len].registering) {
			send_register(sent++ % phones_len);
			flying++;
			last = now_ns();
		}
		wait_for(10);
	}
	printf("{\"sent\":%ld,\"ok\":%ld,\"other\":%ld,\"first_other\":%ld,\"timeouts\":%ld,\"seconds\":%.6f}\n",
		sent, ok, other, first_other, sent - ok - other, (double)(now_ns() - start) / 1e9);
}

static void run_calls(long count, long rate, long first)
{
	int64_t start = now_ns(), last = start, now;

	begin();
	while (ok + other < count && (now = now_ns()) - last < WAIT_NS) {
		while (sent < count && start + sent * 1000000000LL / rate <= now && calls[(first + sent) % SLOTS].state == FREE) {
			struct call *c = &calls[(first + sent) % SLOTS];
			c->state = INVITED;
			c->number = first + sent++;
			send_invite(c->number);
			flying++;
			last = now;
		}
		while (hangup_first < hangup_last && calls[hangups[hangup_first % SLOTS] % SLOTS].due <= now) {
			struct call *c = &calls[hangups[hangup_first++ % SLOTS] % SLOTS];
			c->state = ENDING;
			send_within(c, "BYE", 2);
		}
		wait_for(1);
	}
	printf("{\"created\":%ld,\"succeeded\":%ld,\"failed\":%ld,\"first_other\":%ld,\"rate_per_s\":%.1f}\n",
		sent, ok, sent - ok, first_other, (double)sent * 1e9 / (double)(now_ns() - start));
}

int main(int argc, char **argv)
{
	char line[256];
	long count, rate, first = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse_options(argc, argv);
	open_phones();
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "register %ld", &count) == 1 && count > 0) {
			run_registers(count);
		} else if (sscanf(line, "call %ld %ld", &count, &rate) == 2 && count > 0 && rate > 0) {
			run_calls(count, rate, first);
			first += count;
		} else {
			die(2, "%s: no such command", line);
		}
	}
	return 0;
}
