// SPDX-License-Identifier: GPL-2.0
/*
 * CRIU, by its command: as fast as its options make it, on the same tmpfs. What
 * it says itself of the time that the target was frozen is in a file of statistics.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define CRIU		"/sbin/criu"
#define PATH_SIZE	128
#define PRE_DUMP	"criu-pre-first"	/* below IMAGE_DIR */

/* The last line of the log that tells of an error. */
static int complain(const char *step, const char *dir, int status)
{
	char path[PATH_SIZE], line[512], last[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "Error") && !strstr(line, "ing FAILED"))
			strcpy(last, line);
	if (f)
		fclose(f);
	last[strcspn(last, "\n")] = 0;
	return failed(step, "wait status 0x%x: %s", status, last);
}

static uint64_t number(const unsigned char **at)
{
	uint64_t value = 0;
	int shift = 0;

	do
		value |= (uint64_t)(**at & 0x7f) << shift;
	while (shift += 7, *(*at)++ & 0x80);
	return value;
}

/*
 * stats-dump: two magic numbers, a length, and a message whose field 1 is a
 * message of numbers: field 2 of it is the time frozen, in microseconds.
 */
static uint64_t frozen_time(const char *dir)
{
	unsigned char data[4096] = "";
	const unsigned char *at = data + 12, *end;
	char path[PATH_SIZE];
	uint64_t key, value;
	int fd;

	snprintf(path, sizeof(path), "%s/stats-dump", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, data, sizeof(data) - 1) < 16)
		return 0;
	close(fd);
	if (*at++ != (1 << 3 | 2))
		return 0;
	value = number(&at);
	end = at + value < data + sizeof(data) - 20 ? at + value : at;
	while (at < end) {
		key = number(&at);
		value = number(&at);
		if (key == 2 << 3)
			return value * 1000;
	}
	return 0;
}

static int dump(const struct target *target, const char *dir, const char *const more[])
{
	char pid[16];
	const char *const argv[] = {
		CRIU, more[0], "-t", pid, "-D", dir, "--manage-cgroups=ignore", "-v1",
		"-o", "log", more[1], more[2], more[3], more[4], NULL
	};
	int status;

	snprintf(pid, sizeof(pid), "%d", target->pid);
	status = run_program(argv, -1);
	return status ? complain("save", dir, status) : 0;
}

static int save(const struct target *target, const char *dir)
{
	const char *const more[5] = { "dump", "--leave-running" };
	uint64_t start;

	target_watch(target);
	start = now_ns();
	if (dump(target, dir, more))
		return -1;
	sample("save", now_ns() - start);
	sample("frozen", frozen_time(dir));
	sample("gap", target_gap(target));
	return 0;
}

/*
 * In two steps: what was written since the first is what the second has to save.
 * The image is in two directories; the longer of the two pauses is told.
 */
static int save_in_steps(const struct target *target, const char *dir)
{
	const char *const first[5] = { "pre-dump", "--track-mem" };
	const char *const second[5] = {
		"dump", "--leave-running", "--track-mem", "--prev-images-dir", "../" PRE_DUMP
	};
	uint64_t start, frozen;

	mkdir(IMAGE_DIR "/" PRE_DUMP, 0755);
	empty_directory(IMAGE_DIR "/" PRE_DUMP);
	target_watch(target);
	start = now_ns();
	if (dump(target, IMAGE_DIR "/" PRE_DUMP, first) || dump(target, dir, second))
		return -1;
	sample("save", now_ns() - start);
	frozen = frozen_time(IMAGE_DIR "/" PRE_DUMP);
	sample("frozen", frozen > frozen_time(dir) ? frozen : frozen_time(dir));
	sample("gap", target_gap(target));
	return 0;
}

/* Its tasks belong to its own group, so it runs in theirs. */
static int restart(const struct target *target, const char *dir)
{
	const char *const argv[] = {
		CRIU, "restore", "-D", dir, "-d", "--manage-cgroups=ignore", "-v1",
		"-o", "log", NULL
	};
	uint64_t start, took;
	int status;

	start = now_ns();
	status = run_program(argv, target->group);
	took = now_ns() - start;
	if (status)
		return complain("restart", dir, status);
	sample("restart", took);
	return 0;
}

static int restart_of_steps(const struct target *target, const char *dir)
{
	int err = restart(target, dir);

	empty_directory(IMAGE_DIR "/" PRE_DUMP);
	return err;
}

const struct system criu = { "criu", save, restart };
const struct system criu_steps = { "criu-pre", save_in_steps, restart_of_steps };
