// SPDX-License-Identifier: GPL-2.0
/*
 * How libFuzzer changes an image, perhaps with material of another: mostly its
 * records, sealed again, so that what is behind the checksums is reached; now
 * and then just bytes. What comes after the image, see fuzz.h, moves along.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../mutate.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* libFuzzer knows what was compared with what. Sizes stay multiples of 8. */
static void change_bytes(struct mutate_rec *rec)
{
	size_t max = rec->head.len + 64, len;
	uint8_t *data = calloc(1, max + 8);

	memcpy(data, rec->data, rec->head.len);
	len = LLVMFuzzerMutate(data, rec->head.len, mutate_below(8) ? rec->head.len : max);
	/* padding is zero */
	memset(data + len, 0, max + 8 - len);
	free(rec->data);
	rec->data = data;
	rec->head.len = (len + 7) & ~7ULL;
}

static size_t change_image(uint8_t *data, size_t size, size_t max, const uint8_t *other,
			   size_t other_size)
{
	struct fail_image in = { .data = data, .len = size };
	struct fail_image from = { .data = (uint8_t *)other, .len = other_size };
	struct mutate_image image = {}, material = {};
	struct fail_image out = {};
	size_t len = 0;

	if (fail_image_parse(&in) || (other && fail_image_parse(&from)))
		goto free;
	mutate_take(&image, &in);
	if (other)
		mutate_take(&material, &from);
	if (!other && !mutate_below(3))
		change_bytes(&image.rec[mutate_below(image.nr)]);
	else
		mutate(&image, other ? &material : &image);
	mutate_join(&out, &image);
	if (out.len <= max) {
		memcpy(data, out.data, out.len);
		len = out.len;
	}
free:
	free(in.rec);
	free(from.rec);
	mutate_free(&image);
	mutate_free(&material);
	fail_image_free(&out);
	return len;
}

static size_t change(uint8_t *data, size_t size, size_t max, const uint8_t *other,
		     size_t other_size)
{
	size_t len = 0;

	if (mutate_below(16))
		len = change_image(data, size, max, other, other_size);
	return len ?: LLVMFuzzerMutate(data, size, max);
}

/* All but the control bytes at the end, which change by themselves. */
static size_t with_control(uint8_t *data, size_t size, size_t max, const uint8_t *other,
			   size_t other_size)
{
	uint8_t control[FUZZ_CONTROL + 1] = {};
	size_t len;

	if (size <= FUZZ_CONTROL || (other && other_size <= FUZZ_CONTROL))
		return LLVMFuzzerMutate(data, size, max);
	size -= FUZZ_CONTROL;
	memcpy(control, data + size, FUZZ_CONTROL);
	if (FUZZ_CONTROL && !mutate_below(4))
		LLVMFuzzerMutate(control, FUZZ_CONTROL, FUZZ_CONTROL);
	len = change(data, size, max - FUZZ_CONTROL, other, other ? other_size - FUZZ_CONTROL : 0);
	memcpy(data + len, control, FUZZ_CONTROL);
	return len + FUZZ_CONTROL;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	mutate_seed(seed);
	return with_control(data, size, max, NULL, 0);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other,
				 size_t other_size, uint8_t *out, size_t max, unsigned int seed)
{
	if (size > max)
		return 0;
	mutate_seed(seed);
	memcpy(out, data, size);
	return with_control(out, size, max, other, other_size);
}
