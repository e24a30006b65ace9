/* MD5 (RFC 1321) of short texts, for digest responses (RFC 7616). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t md5_sines[64];

/* md5_init is called once, before md5_hex. */
static void md5_init(void)
{
	for (int i = 0; i < 64; i++)
		md5_sines[i] = (uint32_t)floor(fabs(sin(i + 1.0)) * 4294967296.0);
}

static void md5_block(uint32_t state[4], const uint8_t block[64])
{
	static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], x[16];

	for (int i = 0; i < 16; i++)
		x[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
		       (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
	for (int i = 0; i < 64; i++) {
		uint32_t f;
		int k, s = turns[i / 16][i % 4];

		switch (i / 16) {
		case 0: f = (b & c) | (~b & d); k = i; break;
		case 1: f = (b & d) | (c & ~d); k = (5 * i + 1) % 16; break;
		case 2: f = b ^ c ^ d; k = (3 * i + 5) % 16; break;
		default: f = c ^ (b | ~d); k = (7 * i) % 16; break;
		}
		f += a + md5_sines[i] + x[k];
		a = d;
		d = c;
		c = b;
		b += f << s | f >> (32 - s);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* md5_hex writes 32 hexadecimal digits and a NUL. */
static void md5_hex(char out[33], const char *text)
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	size_t len = strlen(text), done = 0;
	uint8_t last[128] = {0};

	for (; len - done >= 64; done += 64)
		md5_block(state, (const uint8_t *)text + done);
	size_t rest = len - done, size = rest < 56 ? 64 : 128;
	memcpy(last, text + done, rest);
	last[rest] = 0x80;
	for (int i = 0; i < 8; i++)
		last[size - 8 + (size_t)i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
	for (size_t i = 0; i < size; i += 64)
		md5_block(state, last + i);
	for (int i = 0; i < 16; i++)
		sprintf(out + 2 * i, "%02x", state[i / 4] >> (8 * (i % 4)) & 0xff);
}
