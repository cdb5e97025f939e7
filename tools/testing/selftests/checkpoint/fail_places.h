/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places of an image, for sweeps that do something at one after the other. By
 * default they are samples. CKPT_SWEEP=K/N takes the K-th part of N of them all,
 * counted from 0; K/N/B has a third number, for a sweep to do with as it likes.
 */
#ifndef FAIL_PLACES_H
#define FAIL_PLACES_H

#include <time.h>

#include "fail.h"

struct fail_places;
typedef bool (*fail_place)(const struct fail_places *places);

/**
 * struct fail_places - a walk over the places of an image
 * @image: the image
 * @is_a_place: which bytes of it
 * @part: take each @parts-th place from this one on
 * @parts: 0 for samples
 * @bits: the third number of CKPT_SWEEP
 * @at: the byte where we are
 * @count: places behind us, of all parts
 * @tried: places taken
 * @total: places that will be taken
 * @told: when progress was last told of
 */
struct fail_places {
	const struct fail_image *image;
	fail_place is_a_place;
	unsigned int part, parts, bits;
	size_t at;
	size_t count, tried, total;
	time_t told;
};

void fail_places_begin(struct fail_places *places, const struct fail_image *image,
		       fail_place is_a_place);
bool fail_places_next(struct fail_places *places);
int fail_places_record(const struct fail_places *places);
bool fail_places_in_data(const struct fail_places *places);
bool fail_places_at_an_edge(const struct fail_places *places);
bool fail_places_news(struct fail_places *places);

#endif /* FAIL_PLACES_H */
