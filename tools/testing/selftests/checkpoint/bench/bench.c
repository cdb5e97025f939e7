// SPDX-License-Identifier: GPL-2.0
/*
 * bench [-n ROUNDS] [-s SYSTEM,...] [-f FLOOR,...] LOAD SIZE: let each system save
 * and restart a load, in turn; in the next round in the reverse order: ABBA. In a
 * round one load is saved by all, and ended; then each restarts it from its image,
 * and the load has to find itself as it was.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define MAX_SYSTEMS	4
#define PATIENCE	2	/* failures, after which a system is not tried again */

static const struct system *const known[] = {
	&ours_call, &ours_tool, &ours_cow, &criu, &criu_steps, NULL
};

struct entry {
	const struct system *system;
	char dir[64];
	int failures;
	bool saved;
};

static struct entry entries[MAX_SYSTEMS];
static int nr_entries, round_nr;
static const char *at_work;

void sample(const char *metric, uint64_t value)
{
	printf("sample %d %s %s %llu\n", round_nr, at_work, metric, (unsigned long long)value);
	fflush(stdout);
}

int failed(const char *step, const char *fmt, ...)
{
	va_list args;

	printf("failed %d %s %s ", round_nr, at_work, step);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return -1;
}

static int add_systems(char *list)
{
	const struct system *const *system;
	char *name;

	while ((name = strsep(&list, ","))) {
		for (system = known; *system && strcmp((*system)->name, name); system++)
			;
		if (!*system || nr_entries == MAX_SYSTEMS)
			return -1;
		entries[nr_entries].system = *system;
		snprintf(entries[nr_entries].dir, sizeof(entries[0].dir), IMAGE_DIR "/%s", name);
		nr_entries++;
	}
	return 0;
}

static struct entry *in_turn(int i)
{
	struct entry *entry = &entries[round_nr % 2 ? nr_entries - 1 - i : i];

	at_work = entry->system->name;
	return entry;
}

static void save(struct entry *entry, const struct target *target)
{
	unsigned int files;

	entry->saved = false;
	if (entry->failures == PATIENCE)
		return;
	mkdir(entry->dir, 0755);
	empty_directory(entry->dir);
	entry->saved = !entry->system->save(target, entry->dir);
	entry->failures += !entry->saved;
	if (entry->saved) {
		sample("bytes", bytes_of(entry->dir, &files));
		sample("files", files);
	}
}

static void restart(struct entry *entry, struct target *target)
{
	int err;

	if (entry->saved) {
		err = entry->system->restart(target, entry->dir);
		if (!err)
			sample("memory", target_memory());
		err = err ?: target_verify(target);
		entry->failures += !!err;
		target_end(target);
	}
	empty_directory(entry->dir);
}

/* Those that need the target, or those that need its room. */
static void measure_floors(const char *floors, const struct target *target, uint64_t bytes,
			   unsigned long nr)
{
	char *list = strdupa(floors), *name;

	at_work = "floor";
	while ((name = strsep(&list, ",")))
		if (*name && floor_needs_target(name) == !!target)
			floor_measure(name, target, bytes, nr);
}

static int run_round(struct target *target, const char *load, const char *size,
		     const char *floors)
{
	unsigned long nr = strtoul(size, NULL, 0);
	unsigned int files;
	uint64_t bytes = 0;
	int i;

	at_work = "floor";
	if (target_start(target, load, size))
		return -1;
	sample("memory", target_memory());
	for (i = 0; i < nr_entries; i++)
		save(in_turn(i), target);
	for (i = 0; i < nr_entries && !bytes; i++)
		bytes = bytes_of(entries[i].dir, &files);
	measure_floors(floors, target, bytes, nr);
	target_end(target);
	for (i = 0; i < nr_entries; i++)
		restart(in_turn(i), target);
	measure_floors(floors, NULL, bytes, nr);
	return 0;
}

int main(int argc, char **argv)
{
	char systems[] = "call,ckpt,criu", *chosen = systems;
	const char *floors = "";
	struct rlimit files = { 1 << 17, 1 << 17 };
	struct target target;
	int rounds = 3, opt;

	/* as much as a load may give itself */
	if (setrlimit(RLIMIT_NOFILE, &files))
		perror("bench: RLIMIT_NOFILE");
	while ((opt = getopt(argc, argv, "n:s:f:")) >= 0) {
		if (opt == 'n')
			rounds = atoi(optarg);
		else if (opt == 's')
			chosen = optarg;
		else if (opt == 'f')
			floors = optarg;
		else
			return 2;
	}
	if (argc - optind != 2 || add_systems(chosen) || target_make(&target))
		return 2;
	for (round_nr = 0; round_nr < rounds; round_nr++)
		if (run_round(&target, argv[optind], argv[optind + 1], floors))
			return 1;
	printf("done\n");
	return 0;
}
