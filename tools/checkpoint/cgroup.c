// SPDX-License-Identifier: GPL-2.0
/*
 * What is done with a group: its processes, freezing, killing. These leave
 * the message to their callers, and why in errno.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"

#define DEPTH_MAX	64

void pidset_add(struct pidset *set, pid_t pid)
{
	if (set->nr == set->room) {
		set->room = set->room ? 2 * set->room : 64;
		set->v = xrealloc(set->v, set->room, sizeof(*set->v));
	}
	set->v[set->nr++] = pid;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

void pidset_sort(struct pidset *set)
{
	size_t i, nr = 0;

	if (set->nr)
		qsort(set->v, set->nr, sizeof(*set->v), compare_pids);
	for (i = 0; i < set->nr; i++)
		if (!nr || set->v[nr - 1] != set->v[i])
			set->v[nr++] = set->v[i];
	set->nr = nr;
}

bool pidset_has(const struct pidset *set, pid_t pid)
{
	return set->nr && bsearch(&pid, set->v, set->nr, sizeof(pid), compare_pids);
}

bool pidset_equal(const struct pidset *a, const struct pidset *b)
{
	return a->nr == b->nr && (!a->nr || !memcmp(a->v, b->v, a->nr * sizeof(*a->v)));
}

void pidset_free(struct pidset *set)
{
	free(set->v);
	*set = (struct pidset){ 0 };
}

static int read_procs(int dir, struct pidset *set)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f;
	int pid, err;

	if (fd < 0)
		return -1;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -1;
	}
	/* 0 stands for a process that our pid namespace does not show */
	while (fscanf(f, "%d", &pid) == 1)
		if (pid > 0)
			pidset_add(set, pid);
	/* of a threaded group the list opens, and cannot be read */
	err = ferror(f) ? errno : 0;
	fclose(f);
	errno = err;
	return err ? -1 : 0;
}

static int read_below(int dir, struct pidset *set, int depth)
{
	struct dirent *d;
	int err = 0, sub;
	DIR *list;

	sub = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0)
		return -1;
	list = fdopendir(sub);
	if (!list) {
		close(sub);
		return -1;
	}
	while (!err && (d = readdir(list))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		sub = openat(dir, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub < 0)
			continue;	/* removed meanwhile */
		if (read_procs(sub, set) && errno != ENODEV && errno != ENOENT &&
		    errno != EOPNOTSUPP)
			err = -1;
		else if (depth < DEPTH_MAX)
			err = read_below(sub, set, depth + 1);
		close(sub);
	}
	closedir(list);
	return err;
}

/* The processes of a group, with those of all groups below it if asked for. */
int cgroup_pids(int dir, struct pidset *set, bool below)
{
	set->nr = 0;
	if (read_procs(dir, set) || (below && read_below(dir, set, 0)))
		return -1;
	pidset_sort(set);
	return 0;
}

int cgroup_move(int dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return write_file_at(dir, "cgroup.procs", text);
}

/* 1 when somebody asked for the group to be frozen, 0 when nobody did. */
int cgroup_freeze_state(int dir)
{
	char text[16];

	if (read_file_at(dir, "cgroup.freeze", text, sizeof(text)) < 0)
		return -1;
	return text[0] == '1';
}

int cgroup_set_freeze(int dir, bool freeze)
{
	return write_file_at(dir, "cgroup.freeze", freeze ? "1" : "0");
}

static int read_event(int fd, const char *key)
{
	char text[256], *p = text;
	size_t len = strlen(key);
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -1;
	text[n] = 0;
	while (p && *p) {
		if (!strncmp(p, key, len) && p[len] == ' ')
			return p[len + 1] == '1';
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	errno = ENODATA;
	return -1;
}

/* Waits until a key of cgroup.events has a value; ETIMEDOUT after @ms. */
int cgroup_wait_event(int dir, const char *key, int value, uint64_t ms)
{
	int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	uint64_t end = now_ms() + ms;
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	int now, err = 0;

	if (fd < 0)
		return -1;
	for (;;) {
		now = read_event(fd, key);
		if (now < 0)
			err = errno;
		else if (now != value && now_ms() >= end)
			err = ETIMEDOUT;
		if (err || now == value)
			break;
		/* a short wait, should a notification be lost */
		poll(&p, 1, 50);
	}
	close(fd);
	errno = err;
	return err ? -1 : 0;
}

/* The directory stays open, with nothing in it. */
bool cgroup_is_removed(int dir)
{
	return faccessat(dir, "cgroup.procs", F_OK, 0) && (errno == ENOENT || errno == ENODEV);
}

int cgroup_kill(int dir)
{
	return write_file_at(dir, "cgroup.kill", "1");
}
