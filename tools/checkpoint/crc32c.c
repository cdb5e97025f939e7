// SPDX-License-Identifier: GPL-2.0
/*
 * CRC32C (Castagnoli), little-endian, without inversion at either end, as the
 * kernel's crc32c(). Eight bytes a step.
 */
#include <endian.h>
#include <string.h>

#include "ckpt.h"

#define POLY	0x82f63b78U

static uint32_t table[8][256];

static void fill_table(void)
{
	uint32_t crc;
	int i, k;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (crc & 1 ? POLY : 0);
		table[0][i] = crc;
	}
	for (i = 0; i < 256; i++)
		for (k = 1; k < 8; k++)
			table[k][i] = (table[k - 1][i] >> 8) ^
				      table[0][table[k - 1][i] & 0xff];
}

static uint32_t step8(uint32_t crc, const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, 8);
	word = le64toh(word) ^ crc;
	return table[7][word & 0xff] ^
	       table[6][word >> 8 & 0xff] ^
	       table[5][word >> 16 & 0xff] ^
	       table[4][word >> 24 & 0xff] ^
	       table[3][word >> 32 & 0xff] ^
	       table[2][word >> 40 & 0xff] ^
	       table[1][word >> 48 & 0xff] ^
	       table[0][word >> 56];
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	if (!table[0][1])
		fill_table();
	for (; len >= 8; len -= 8, p += 8)
		crc = step8(crc, p);
	while (len--)
		crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}
