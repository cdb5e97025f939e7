/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does the kernel need more and more memory for the same thing? Objects of each
 * slab cache and pages of each kind are counted as cycles go by. A leak
 * grows with the cycles, in each part of them; caches fill up and stand still.
 */
#ifndef GROWTH_H
#define GROWTH_H

#include <stdbool.h>

#define GROWTH_NAMES	400
#define GROWTH_SAMPLES	32

/**
 * struct growth - counts over the cycles
 * @nr: names in use
 * @samples: how often it was counted
 * @cycles: how many cycles were behind us then
 * @name: of a slab cache, or of a kind of pages
 * @count: at each time
 */
struct growth {
	int nr, samples;
	long cycles[GROWTH_SAMPLES];
	struct {
		char name[40];
		long long count[GROWTH_SAMPLES];
	} of[GROWTH_NAMES];
};

/* Count. @cycles are behind us. */
void growth_sample(struct growth *growth, long cycles);

/*
 * Names what grew in each third of the samples: by an object for two cycles, if a
 * third has few cycles, and by GROWTH_NOISE objects, if it has many. Pages that are
 * only known as missing come and go by hundreds: GROWTH_NOISE_PAGES. The first
 * sample comes after a warm-up.
 */
#define GROWTH_NOISE		64
#define GROWTH_NOISE_PAGES	512
bool growth_leaks(const struct growth *growth);

/* Tell the slopes of what grew at all, with their errors. */
void growth_tell(const struct growth *growth);

#endif /* GROWTH_H */
