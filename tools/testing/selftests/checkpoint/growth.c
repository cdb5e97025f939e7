// SPDX-License-Identifier: GPL-2.0
/* Objects of slab caches and pages, as cycles go by. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "growth.h"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/*
 * What the kernel keeps for later is no leak: caches of names and files, the free
 * objects of each processor (which would be counted), its own part of the counters.
 */
static void tidy(void)
{
	glob_t caches;
	size_t i;

	put("/proc/sys/vm/drop_caches", "3");
	if (!glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches)) {
		for (i = 0; i < caches.gl_pathc; i++)
			put(caches.gl_pathv[i], "1");
		globfree(&caches);
	}
	put("/proc/sys/vm/stat_refresh", "1");
}

static void add(struct growth *growth, const char *name, long long count)
{
	int i;

	for (i = 0; i < growth->nr; i++)
		if (!strcmp(growth->of[i].name, name))
			break;
	if (i == GROWTH_NAMES)
		abort();
	if (i == growth->nr)
		snprintf(growth->of[growth->nr++].name, sizeof(growth->of[i].name), "%s", name);
	growth->of[i].count[growth->samples] = count;
}

static void add_caches(struct growth *growth)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], name[40], full[48];
	long long active;

	while (f && fgets(line, sizeof(line), f)) {
		/* vmap_area has those that are to be purged as well: see add_vmalloc() */
		if (sscanf(line, "%30s %lld", name, &active) != 2 || !strcmp(name, "vmap_area"))
			continue;
		snprintf(full, sizeof(full), "slab %s", name);
		add(growth, full, active);
	}
	if (f)
		fclose(f);
}

/* The number in a line "name number", "name: number" or "  name: number" of a file. */
static long long number_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[512], word[64];
	long long count, sum = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %63[^: ]%*[: ]%lld", word, &count) == 2 && !strcmp(word, name))
			sum += count;
	if (f)
		fclose(f);
	return sum;
}

static long long vmstat(const char *name)
{
	return number_in("/proc/vmstat", name);
}

/* Areas that the kernel has given up but not yet purged are no use of memory. */
static void add_vmalloc(struct growth *growth)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	char line[512];
	int count = 0;

	while (f && fgets(line, sizeof(line), f))
		count += !strstr(line, "unpurged");
	add(growth, "vmalloc areas", count);
	if (f)
		fclose(f);
}

/* Pages of each kind; then those that are neither free nor of any kind. */
static void add_pages(struct growth *growth)
{
	static const char *const kinds[] = {
		"nr_shmem", "nr_page_table_pages", "nr_kernel_stack", "nr_unevictable",
		"nr_slab_unreclaimable",
	};
	long long anon = vmstat("nr_anon_pages"), known;
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		add(growth, kinds[i], vmstat(kinds[i]));
	add(growth, "nr_anon_pages of others",
	    anon - number_in("/proc/self/smaps_rollup", "Anonymous") / 4);
	known = vmstat("nr_free_pages") + number_in("/proc/zoneinfo", "count") +
		vmstat("nr_file_pages") + anon + vmstat("nr_slab_unreclaimable") +
		vmstat("nr_slab_reclaimable") + vmstat("nr_page_table_pages") +
		vmstat("nr_kernel_stack") / 4;
	add(growth, "pages of no known kind", -known);
	add(growth, "pages missing in MemAvailable",
	    -number_in("/proc/meminfo", "MemAvailable") / 4);
}

void growth_sample(struct growth *growth, long cycles)
{
	if (growth->samples == GROWTH_SAMPLES)
		abort();
	tidy();
	add_caches(growth);
	add_vmalloc(growth);
	add_pages(growth);
	growth->cycles[growth->samples++] = cycles;
}

/* Of the line that fits best: its slope and how far that may be wrong. */
static double slope(const struct growth *growth, int of, double *error)
{
	double n = growth->samples, x = 0, y = 0, xx = 0, xy = 0, rest = 0, d, a;
	int i;

	for (i = 0; i < growth->samples; i++) {
		x += growth->cycles[i] / n;
		y += growth->of[of].count[i] / n;
	}
	for (i = 0; i < growth->samples; i++) {
		d = growth->cycles[i] - x;
		xx += d * d;
		xy += d * (growth->of[of].count[i] - y);
	}
	a = xy / xx;
	for (i = 0; i < growth->samples; i++) {
		d = growth->of[of].count[i] - y - a * (growth->cycles[i] - x);
		rest += d * d;
	}
	*error = n > 2 ? sqrt(rest / (n - 2) / xx) : 0;
	return a;
}

static void tell(const struct growth *growth, int of, const char *head)
{
	double error, a = slope(growth, of, &error);
	int i;

	fprintf(stderr, "# %s%s: %+.4f +- %.4f for each cycle;", head, growth->of[of].name, a,
		error);
	for (i = 0; i < growth->samples; i++)
		fprintf(stderr, " %lld", growth->of[of].count[i]);
	fprintf(stderr, "\n");
}

/* How much is no leak in so many cycles. */
static long long threshold(const char *name, long cycles)
{
	if (!strncmp(name, "pages", 5))
		return GROWTH_NOISE_PAGES;
	return cycles / 2 < GROWTH_NOISE ? cycles / 2 : GROWTH_NOISE;
}

bool growth_leaks(const struct growth *growth)
{
	int of, part, from, to, grown, last = growth->samples - 1;
	const long long *count;
	bool leaks = false;
	long cycles;

	for (of = 0; of < growth->nr; of++) {
		count = growth->of[of].count;
		for (part = grown = 0; part < 3; part++) {
			from = last * part / 3;
			to = last * (part + 1) / 3;
			cycles = growth->cycles[to] - growth->cycles[from];
			if (count[to] - count[from] > threshold(growth->of[of].name, cycles))
				grown++;
		}
		if (grown < 3)
			continue;
		tell(growth, of, "grows and grows: ");
		leaks = true;
	}
	return leaks;
}

void growth_tell(const struct growth *growth)
{
	int of, last = growth->samples - 1;

	for (of = 0; of < growth->nr; of++)
		if (growth->of[of].count[last] > growth->of[of].count[0])
			tell(growth, of, "");
}
