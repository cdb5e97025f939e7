// SPDX-License-Identifier: GPL-2.0
/* Loads of one process and its memory. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "load.h"

#define PAGE		4096UL
#define MIB		(1UL << 20)
#define HUGE		(2 * MIB)
#define GROWTH		(128UL << 10)	/* what malloc() asks for when a heap is full */
#define SPARSE		256	/* one page of as many is there */
#define PER_BEAT	16	/* pages */

static char *memory;
static unsigned long pages, at, sweep;

static void fill(unsigned long step)
{
	unsigned long i;

	for (i = 0; i < pages; i += step)
		load_fill(memory + i * PAGE, i);
}

static bool filled(unsigned long step)
{
	unsigned long i;

	for (i = 0; i < pages; i += step)
		if (!load_filled(memory + i * PAGE, i))
			return false;
	return true;
}

void build_memory(unsigned long size)
{
	memory = load_map(size * MIB);
	pages = size * MIB / PAGE;
	fill(1);
}

void build_huge(unsigned long size)
{
	memory = load_map(size * MIB + HUGE);
	memory = (char *)(((unsigned long)memory + HUGE - 1) & ~(HUGE - 1));
	if (madvise(memory, size * MIB, MADV_HUGEPAGE))
		load_die("madvise");
	pages = size * MIB / PAGE;
	fill(1);
}

/* It has small pages, since there was never room for a huge one when it was touched. */
void build_heap(unsigned long size)
{
	unsigned long i;

	memory = sbrk(0);
	if (sbrk(-(unsigned long)memory % PAGE) == (void *)-1)
		load_die("sbrk");
	memory = sbrk(0);
	for (pages = 0; pages < size * MIB / PAGE; pages += GROWTH / PAGE) {
		if (sbrk(GROWTH) == (void *)-1)
			load_die("sbrk");
		for (i = pages; i < pages + GROWTH / PAGE; i++)
			load_fill(memory + i * PAGE, i);
	}
}

bool verify_memory(void)
{
	return filled(1);
}

void build_sparse(unsigned long size)
{
	memory = load_map(size * MIB);
	pages = size * MIB / PAGE;
	fill(SPARSE);
}

bool verify_sparse(void)
{
	return filled(SPARSE);
}

/* ---- Written all the time: the first word of a page says in which sweep ---- */

static volatile unsigned long *word_of(unsigned long page)
{
	return (unsigned long *)(memory + page * PAGE);
}

void build_dirtier(unsigned long size)
{
	unsigned long i;

	build_memory(size);
	for (i = 0; i < pages; i++)
		*word_of(i) = 0;
}

void dirty_some(void)
{
	int i;

	for (i = 0; i < PER_BEAT; i++) {
		*word_of(at) = sweep + 1;
		if (++at == pages) {
			at = 0;
			sweep++;
		}
	}
}

bool verify_dirtier(void)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (*word_of(i) != (i < at ? sweep + 1 : sweep))
			return false;
	return true;
}

/* ---- Many areas ---- */

void build_areas(unsigned long nr)
{
	unsigned long i;

	memory = load_map(2 * nr * PAGE);
	pages = 2 * nr;
	for (i = 0; i < pages; i += 2) {
		load_fill(memory + i * PAGE, i);
		if (mprotect(memory + (i + 1) * PAGE, PAGE, PROT_NONE))
			load_die("mprotect");
	}
}

bool verify_areas(void)
{
	return filled(2);
}
