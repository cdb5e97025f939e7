/* SPDX-License-Identifier: GPL-2.0 */
/* Values that restart(2) accepts. */
#ifndef FUZZ_FIT_H
#define FUZZ_FIT_H

#include "../mutate.h"

/* Of an image by genimage: a process with threads, a child, a zombie. */
void fit_image(struct mutate_image *image);

#endif
