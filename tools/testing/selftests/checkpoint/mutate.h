/* SPDX-License-Identifier: GPL-2.0 */
/* Images changed at random by somebody who knows the format. */
#ifndef MUTATE_H
#define MUTATE_H

#include "fail.h"

/* One record taken out of its image: header and what follows it. */
struct mutate_rec {
	struct ckpt_record head;
	uint8_t *data;			/* head.len bytes */
};

struct mutate_image {
	struct ckpt_preamble preamble;
	struct mutate_rec *rec;
	int nr;
};

void mutate_seed(uint64_t seed);
uint64_t mutate_below(uint64_t limit);

void mutate_take(struct mutate_image *to, const struct fail_image *from);
void mutate_copy(struct mutate_image *to, const struct mutate_image *from);
void mutate_free(struct mutate_image *image);

/* A few changes, with material from @other. */
void mutate(struct mutate_image *image, const struct mutate_image *other);

/* Make numbers of records and objects, and the header's counts, right. */
void mutate_fit(struct mutate_image *image);

/*
 * Back to one piece with right checksums, and, but for a few, with numbers and
 * counts that fit.
 */
void mutate_join(struct fail_image *to, struct mutate_image *image);

#endif /* MUTATE_H */
