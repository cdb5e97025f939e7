// SPDX-License-Identifier: GPL-2.0
/* Places of an image, all of them or samples. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "fail_places.h"

#define NEWS_SECONDS	10

/* The record that we are in, -1 between two of them. */
int fail_places_record(const struct fail_places *places)
{
	const struct fail_image *image = places->image;
	int i;

	for (i = 0; i < image->nr; i++)
		if (places->at >= image->rec[i].at && places->at < image->rec[i].end)
			return i;
	return -1;
}

/* Are these contents, behind the page that says whose? */
bool fail_places_in_data(const struct fail_places *places)
{
	int rec = fail_places_record(places);

	return rec >= 0 && places->image->rec[rec].type == CKPT_REC_CONTENT &&
	       places->at >= places->image->rec[rec].at + CKPT_PAGE_SIZE;
}

/* Of a record, or of its header. */
bool fail_places_at_an_edge(const struct fail_places *places)
{
	int rec = fail_places_record(places);
	size_t off;

	if (rec < 0)
		return false;
	off = places->at - places->image->rec[rec].at;
	return !off || off == 7 || off == sizeof(struct ckpt_record) ||
	       places->at == places->image->rec[rec].end - 1;
}

/* To the next place of our part. */
bool fail_places_next(struct fail_places *places)
{
	do {
		do {
			if (++places->at == places->image->len)
				return false;
		} while (!places->is_a_place(places));
	} while (places->parts && places->count++ % places->parts != places->part);
	places->tried++;
	return true;
}

void fail_places_begin(struct fail_places *places, const struct fail_image *image,
		       fail_place is_a_place)
{
	const char *part = getenv("CKPT_SWEEP");
	struct fail_places all;

	*places = (struct fail_places){
		.image = image, .is_a_place = is_a_place, .at = -1, .told = time(NULL),
	};
	if (part && (sscanf(part, "%u/%u/%u", &places->part, &places->parts, &places->bits) < 2 ||
		     places->part >= places->parts || places->bits > 7))
		abort();
	for (all = *places; fail_places_next(&all); )
		;
	places->total = all.tried;
}

/* Now and then, in a long sweep, whoever waits wants to hear of it. */
bool fail_places_news(struct fail_places *places)
{
	if (!places->parts || time(NULL) < places->told + NEWS_SECONDS)
		return false;
	places->told = time(NULL);
	return true;
}
