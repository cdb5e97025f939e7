/* SPDX-License-Identifier: GPL-2.0 */
/* A page that nobody fills: what writes to it waits, and can be killed. */
#ifndef GAP_H
#define GAP_H

#include <stdbool.h>

#define GAP_SIZE	4096

struct gap {
	int fd;
	void *page;
};

/* 0 or a negative errno. Filled, it is zeros for who waits, and for all who come later. */
int gap_make(struct gap *gap);
bool gap_is_met(const struct gap *gap);
void gap_fill(const struct gap *gap);
void gap_end(struct gap *gap);

#endif /* GAP_H */
