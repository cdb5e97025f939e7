// SPDX-License-Identifier: GPL-2.0
/* What the kernel shows of tasks, field by field. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "visible.h"

/* ---- Which fields may differ ---- */

/* A pattern for the name without its task, and why it may. */
static const struct {
	const char *field, *reason;
} may_differ[] = {
	{ "stat minflt", "counters begin anew" },
	{ "stat majflt", "counters begin anew" },
	{ "stat [us]time", "counters begin anew" },
	{ "status *voluntary_ctxt_switches", "counters begin anew" },
	{ "stat processor", "where it ran last" },
	{ "stat starttime", "a task starts when it is restarted" },
	{ "stat rss", "pages of files come back when they are touched" },
	{ "status VmRSS", "pages of files come back when they are touched" },
	{ "status VmHWM", "the most of what is there" },
	{ "status Rss*", "pages of files come back when they are touched" },
	{ "status VmPTE", "tables for what is not there yet" },
	{ "smaps * [RP]ss*", "pages of files come back when they are touched" },
	{ "smaps * Shared_*", "as above, and pages are shared with other tasks" },
	{ "smaps * Private_*", "as above, and pages are shared with other tasks" },
	{ "smaps * Anonymous", "of joined mappings, see add_maps(), the first one's are compared" },
	{ "smaps * Referenced", "what was used of late" },
	{ "smaps * AnonHugePages", "the kernel may use such pages or not" },
	{ "syscall", "a call that is over has no number in a restarted task, see design.rst" },
	{ "fdinfo/* ino", "pipes and memfds are new; which of them are the same is in fd/*" },
	{ "zombie status Sig*", "of a task that never runs again, not saved" },
	{ "zombie stat sig*", "of a task that never runs again, not saved" },
	{ "zombie stat blocked", "of a task that never runs again, not saved" },
};

static bool differs_rightly(const char *name)
{
	static const char zombie[] = "zombie ";
	const char *field = strchr(name, ' ') + 1;
	bool dead = !strncmp(field, zombie, strlen(zombie));
	const char *live = dead ? field + strlen(zombie) : field;
	size_t i;

	for (i = 0; i < sizeof(may_differ) / sizeof(*may_differ); i++)
		if (!fnmatch(may_differ[i].field, field, 0) ||
		    !fnmatch(may_differ[i].field, live, 0))
			return true;
	return false;
}

/* ---- Taking ---- */

static void add(struct visible *now, const char *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct visible *now, const char *value, const char *fmt, ...)
{
	struct visible_field *field;
	va_list ap;

	if (now->nr == now->room) {
		now->room = 2 * now->room + 1000;
		now->field = realloc(now->field, now->room * sizeof(*now->field));
		if (!now->field)
			abort();
	}
	field = &now->field[now->nr++];
	va_start(ap, fmt);
	if (vasprintf(&field->name, fmt, ap) < 0)
		abort();
	va_end(ap);
	field->value = strdup(value);
}

static char *read_all(const char *path, size_t *len)
{
	static char text[1 << 18];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t nr;

	*len = 0;
	while (fd >= 0 && (nr = read(fd, text + *len, sizeof(text) - 1 - *len)) > 0)
		*len += nr;
	close(fd);
	text[*len] = 0;
	return text;
}

/* "key: value", the key at its first colon; or a key as wide as the column is. */
static void add_keys(struct visible *now, const char *task, const char *what, const char *file,
		     int width)
{
	char path[300], *line, *rest, *end;
	int nr = 0;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%.*s/task/%s/%s", (int)strcspn(task, "/"), task,
		 strchr(task, '/') + 1, file);
	rest = read_all(path, &len);
	while ((line = strsep(&rest, "\n"))) {
		nr++;
		if (!*line)
			continue;
		end = line + strcspn(line, ":");
		if (width)
			for (end = line + width; end > line && end[-1] == ' '; end--)
				;
		if (*end)
			add(now, end + 1, "%s %s%s %.*s", task, what, file, (int)(end - line),
			    line);
		else
			add(now, line, "%s %s%s line %d", task, what, file, nr);
	}
}

/*
 * Two flags are left out: soft-dirty begins anew, and what was writable once but
 * is not now is no longer charged for (ac).
 */
static void strip_flags(char *flags)
{
	static const char *const words[] = { " sd", " ac" };
	size_t i;
	char *at;

	for (i = 0; i < 2; i++) {
		at = strstr(flags, words[i]);
		if (at)
			memmove(at, at + 3, strlen(at + 3) + 1);
	}
}

/*
 * Mappings, with a line for each, and more lines for each of them. Neighbours
 * that go on in the same file with the same rights are taken as one mapping: the
 * kernel joins them if no more than the flags above is between them.
 */
static void add_maps(struct visible *now, const char *task, const char *path)
{
	unsigned long from, to, at, start = 0, end = 0, offset = 0;
	char perms[8], device[16], name[200], same[300], last[300] = "", map[40] = "";
	char *line, *rest, *colon;
	size_t header = 0;
	bool joined = false;
	size_t len;

	rest = read_all(path, &len);
	while ((line = strsep(&rest, "\n"))) {
		*name = 0;
		colon = strchr(line, ':');
		if (sscanf(line, "%lx-%lx %7s %lx %15s %199[^\n]", &from, &to, perms, &at, device,
			   name) >= 5) {
			snprintf(same, sizeof(same), "%s %s %s", perms, device, name);
			joined = header && from == end && at == offset + end - start &&
				 strcmp(device, "00:00") && !strcmp(same, last);
			if (!joined) {
				start = from;
				offset = at;
				snprintf(map, sizeof(map), "%lx", start);
				add(now, same, "%s smaps %s", task, map);
				header = now->nr - 1;
			}
			end = to;
			strcpy(last, same);
			free(now->field[header].value);
			if (asprintf(&now->field[header].value, "to %lx, %s, at %lx", end, same,
				     offset) < 0)
				abort();
		} else if (colon && !joined) {
			*colon++ = 0;
			if (!strcmp(line, "VmFlags"))
				strip_flags(colon);
			if (strcmp(line, "Size"))
				add(now, colon, "%s smaps %s %s", task, map, line);
		}
	}
}

/* The names of proc(5), from the first on. */
static void add_stat(struct visible *now, const char *task, const char *what, const char *path)
{
	static const char *const names[] = {
		"pid", "comm", "state", "ppid", "pgrp", "session", "tty_nr", "tpgid", "flags",
		"minflt", "cminflt", "majflt", "cmajflt", "utime", "stime", "cutime", "cstime",
		"priority", "nice", "num_threads", "itrealvalue", "starttime", "vsize", "rss",
		"rsslim", "startcode", "endcode", "startstack", "kstkesp", "kstkeip", "signal",
		"blocked", "sigignore", "sigcatch", "wchan", "nswap", "cnswap", "exit_signal",
		"processor", "rt_priority", "policy", "delayacct_blkio_ticks", "guest_time",
		"cguest_time", "start_data", "end_data", "start_brk", "arg_start", "arg_end",
		"env_start", "env_end", "exit_code",
	};
	char *text, *word, flags[24];
	unsigned int i = 2;
	size_t len;

	text = read_all(path, &len);
	word = strrchr(text, ')');
	text = word ? word + 2 : text + len;
	while ((word = strsep(&text, "\n ")) && *word && i < sizeof(names) / sizeof(*names)) {
		if (!strcmp(names[i], "flags")) {
			/* PF_SUPERPRIV, an accounting flag: who used a right of root's */
			snprintf(flags, sizeof(flags), "0x%llx", atoll(word) & ~0x100LL);
			word = flags;
		}
		add(now, word, "%s %sstat %s", task, what, names[i++]);
	}
}

/* The bytes, unprintable ones as dots. */
static void add_text(struct visible *now, const char *task, const char *dir, const char *file)
{
	char path[300], *text;
	size_t len, i;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	text = read_all(path, &len);
	for (i = 0; i < len; i++)
		if (!isprint(text[i]))
			text[i] = '.';
	add(now, text, "%s %s", task, file);
}

/* Which pipe or socket it is, counted as they are met: its number is another. */
static void number_of(struct visible *now, char *target, size_t size)
{
	char *number = strchr(target, '[');
	size_t i;

	if (!number || !strchr(target, ':'))
		return;
	for (i = 0; i < now->nr_inodes && strcmp(now->inode[i], target); i++)
		;
	if (i == now->nr_inodes) {
		if (i == VISIBLE_INODES)
			abort();
		now->inode[now->nr_inodes++] = strdup(target);
	}
	snprintf(number, size - (number - target), "number %zu", i);
}

static void add_link(struct visible *now, const char *task, const char *dir, const char *file)
{
	char path[600], target[1024];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	len = readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = 0;
	if (!strncmp(file, "fd/", 3))
		number_of(now, target, sizeof(target));
	add(now, target, "%s %s", task, file);
}

/* For every entry of a directory of the task: a link, or a file of keys. */
static void add_entries(struct visible *now, const char *task, const char *dir, const char *sub,
			bool links)
{
	char path[300], name[300];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", sub, entry->d_name);
		if (links)
			add_link(now, task, dir, name);
		else
			add_keys(now, task, "", name, 0);
	}
	if (d)
		closedir(d);
}

static void add_task(struct visible *now, int pid, int tid)
{
	static const char *const texts[] = {
		"comm", "cmdline", "environ", "auxv", "syscall", "wchan", "personality",
		"oom_score_adj", "cgroup", "uid_map", "loginuid", "timens_offsets",
		"projid_map", "gid_map", "setgroups", "children", "mountinfo",
	};
	static const char *const links[] = { "exe", "cwd", "root" };
	char task[32], dir[64], path[80];
	const char *what;
	size_t i, len;

	snprintf(task, sizeof(task), "%d/%d", pid, tid);
	snprintf(dir, sizeof(dir), "/proc/%d/task/%d", pid, tid);
	snprintf(path, sizeof(path), "%s/stat", dir);
	what = strstr(read_all(path, &len), ") Z ") ? "zombie " : "";
	add_stat(now, task, what, path);
	add_keys(now, task, what, "status", 0);
	add_keys(now, task, what, "limits", 25);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_text(now, task, dir, texts[i]);
	for (i = 0; i < sizeof(links) / sizeof(*links); i++)
		add_link(now, task, dir, links[i]);
	add_entries(now, task, dir, "ns", true);
	add_entries(now, task, dir, "fd", true);
	add_entries(now, task, dir, "fdinfo", false);
	snprintf(path, sizeof(path), "%s/smaps", dir);
	add_maps(now, task, path);
}

/* What is shown of a process alone. */
static void add_process(struct visible *now, int pid)
{
	static const char *const texts[] = { "coredump_filter", "timerslack_ns", "timers" };
	char task[32], dir[32];
	size_t i;

	snprintf(task, sizeof(task), "%d", pid);
	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_text(now, task, dir, texts[i]);
}

static void add_tree(struct visible *now, int pid)
{
	char path[80], *text, *rest, *word;
	struct dirent *entry;
	size_t len;
	DIR *dir;

	add_process(now, pid);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		add_task(now, pid, atoi(entry->d_name));
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid,
			 atoi(entry->d_name));
		text = rest = strdup(read_all(path, &len));
		while ((word = strsep(&rest, "\n ")))
			if (*word)
				add_tree(now, atoi(word));
		free(text);
	}
	if (dir)
		closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	const struct visible_field *one = a, *other = b;

	return strcmp(one->name, other->name);
}

void visible_take(struct visible *now, pid_t root)
{
	memset(now, 0, sizeof(*now));
	add_tree(now, root);
	qsort(now->field, now->nr, sizeof(*now->field), by_name);
}

void visible_free(struct visible *seen)
{
	while (seen->nr--) {
		free(seen->field[seen->nr].name);
		free(seen->field[seen->nr].value);
	}
	free(seen->field);
	while (seen->nr_inodes--)
		free(seen->inode[seen->nr_inodes]);
	memset(seen, 0, sizeof(*seen));
}

/* ---- Comparing ---- */

static int tell(const char *name, const char *was, const char *is)
{
	if (differs_rightly(name))
		return 0;
	fprintf(stderr, "# %s: was \"%s\", is \"%s\"\n", name, was, is);
	return 1;
}

int visible_compare(const struct visible *before, const struct visible *now)
{
	const struct visible_field *b = before->field, *n = now->field;
	const struct visible_field *b_end = b + before->nr, *n_end = n + now->nr;
	int order, bad = 0;

	while (b < b_end || n < n_end) {
		order = b == b_end ? 1 : n == n_end ? -1 : strcmp(b->name, n->name);
		if (order < 0) {
			bad += tell(b->name, b->value, "(not there)");
			b++;
		} else if (order > 0) {
			bad += tell(n->name, "(not there)", n->value);
			n++;
		} else {
			if (strcmp(b->value, n->value))
				bad += tell(n->name, b->value, n->value);
			b++;
			n++;
		}
	}
	return bad;
}
