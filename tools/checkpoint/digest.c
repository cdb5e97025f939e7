// SPDX-License-Identifier: GPL-2.0
/* XXH64 with seed 0 of a page: what it adds to the checksum of its content block. */
#include <endian.h>
#include <string.h>
#include <linux/checkpoint_image.h>

#include "ckpt.h"

#define P1	0x9e3779b185ebca87ULL
#define P2	0xc2b2ae3d27d4eb4fULL
#define P3	0x165667b19e3779f9ULL
#define P4	0x85ebca77c2b2ae63ULL

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
	return rotate(lane + word * P2, 31) * P1;
}

uint64_t page_digest(const void *page)
{
	uint64_t lane[4] = { P1 + P2, P2, 0, -P1 }, word, h;
	const unsigned char *p = page;
	size_t at;
	int i;

	for (at = 0; at < CKPT_PAGE_SIZE; at += sizeof(word)) {
		memcpy(&word, p + at, sizeof(word));
		lane[at / sizeof(word) % 4] = mix(lane[at / sizeof(word) % 4], le64toh(word));
	}
	h = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
	for (i = 0; i < 4; i++)
		h = (h ^ mix(0, lane[i])) * P1 + P4;
	h += CKPT_PAGE_SIZE;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return htole64(h ^ h >> 32);
}
