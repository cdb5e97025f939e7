/* SPDX-License-Identifier: GPL-2.0 */
/* There is no direct map: a page knows its memory, see memory.c. */
#ifndef _FUZZ_SHIM_MM_H
#define _FUZZ_SHIM_MM_H

struct page;
void *fuzz_page_memory(const struct page *page);
#define page_to_virt(page) fuzz_page_memory(page)

#include_next <linux/mm.h>

#endif
